"""The supervisor: ready means ready, the dead come back after a pause, and stopping has an order."""

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from durable_research.local.errors import StartFailed
from durable_research.local.processes import readiness
from durable_research.local.processes.child import ChildSpec
from durable_research.local.processes.supervisor import Pace, Supervisor

PACE = Pace(
    first_backoff_seconds=0.1,
    longest_backoff_seconds=0.4,
    check_every_seconds=0.1,
    check_timeout_seconds=0.3,
    unresponsive_grace_seconds=0.5,
)
LIVE = "import time; print('ready', flush=True); time.sleep(600)"


class Bench:
    """A supervisor with small child processes, its messages and its reported changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.messages: list[str] = []
        self.changes: list[list[str]] = []
        self.starts: dict[str, int] = {}
        self.supervisor = Supervisor(self.messages.append, self._next_start, self._changed, pace=PACE)

    def spec(self, name: str, code: str = LIVE, **how: Any) -> ChildSpec:
        usual: dict[str, Any] = {"ready": readiness.on_log("ready"), "env": dict(os.environ)}
        return ChildSpec(
            name=name,
            role="worker",
            argv=(sys.executable, "-I", "-S", "-c", code),
            log=self.folder / f"{name}.log",
            **{**usual, **how},
        )

    def pid(self, name: str) -> int:
        return next(each.pid for each in self.supervisor.processes() if each.name == name)

    async def until(self, text: str, times: int = 1) -> None:
        async with asyncio.timeout(20):
            while sum(bool(re.search(text, words)) for words in self.messages) < times:
                await asyncio.sleep(0.02)

    def _next_start(self, name: str) -> int:
        self.starts[name] = self.starts.get(name, 0) + 1
        return self.starts[name]

    def _changed(self) -> None:
        self.changes.append([each.identity for each in self.supervisor.processes()])


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    yield made
    await made.supervisor.stop()


async def test_a_started_child_is_ready(bench: Bench) -> None:
    await bench.supervisor.start(bench.spec("one"))

    assert (bench.folder / "one.log").read_text() == "ready\n"


async def test_a_child_that_ends_before_it_is_ready_is_an_error_with_the_end_of_its_log(bench: Bench) -> None:
    with pytest.raises(StartFailed) as failed:
        await bench.supervisor.start(bench.spec("one", "raise SystemExit('no such colour: mauve')"))

    log = bench.folder / "one.log"
    assert str(failed.value) == (
        f"one ended with exit code 1 before it was ready; the end of {log}:\nno such colour: mauve"
    )


async def test_a_child_that_is_never_ready_is_an_error_with_the_end_of_its_log(bench: Bench) -> None:
    thinking = "import time; print('thinking', flush=True); time.sleep(600)"

    with pytest.raises(StartFailed, match=r"one was not ready after 4 s; the end of .*:\nthinking"):
        await bench.supervisor.start(bench.spec("one", thinking, ready_seconds=4.0))


async def test_a_first_start_may_fail_as_often_as_the_spec_allows(bench: Bench) -> None:
    second_time = (
        "import os, sys, time\n"
        "if not os.path.exists(os.environ['MARK']): open(os.environ['MARK'], 'w').close(); sys.exit(1)\n"
        "print('ready', flush=True); time.sleep(600)"
    )
    spec = bench.spec("one", second_time, tries=2, env={**os.environ, "MARK": str(bench.folder / "mark")})

    await bench.supervisor.start(spec)

    assert bench.starts == {"one": 2}


async def test_a_killed_child_is_restarted_with_a_new_identity(bench: Bench) -> None:
    await bench.supervisor.start(bench.spec("one"))
    before = bench.pid("one")
    os.kill(before, signal.SIGKILL)

    await bench.until("one is ready again")

    assert bench.pid("one") != before
    assert bench.changes == [["one@1"], [], ["one@2"]]


async def test_the_restart_backoff_doubles_up_to_its_limit(bench: Bench) -> None:
    await bench.supervisor.start(bench.spec("one"))
    for times in range(1, 5):
        os.kill(bench.pid("one"), signal.SIGKILL)
        await bench.until("one is ready again", times)

    pauses = [re.findall(r"again in ([\d.]+) s", words) for words in bench.messages if "was killed" in words]
    assert pauses == [["0.1"], ["0.2"], ["0.4"], ["0.4"]]


async def test_the_first_backoff_is_long_enough_for_another_worker_to_take_over() -> None:
    assert (Pace().first_backoff_seconds, Pace().longest_backoff_seconds, Pace().healthy_again_seconds) == (2, 30, 60)


async def test_after_a_long_healthy_time_the_backoff_starts_small_again(bench: Bench, tmp_path: Path) -> None:
    bench.supervisor._pace = Pace(first_backoff_seconds=0.1, healthy_again_seconds=0.5, check_every_seconds=0.1)
    await bench.supervisor.start(bench.spec("one"))
    os.kill(bench.pid("one"), signal.SIGKILL)
    await bench.until("one is ready again")
    born = time.monotonic()
    while time.monotonic() - born < 0.6:
        await asyncio.sleep(0.05)
    os.kill(bench.pid("one"), signal.SIGKILL)
    await bench.until("one is ready again", 2)

    assert sum("again in 0.1 s" in words for words in bench.messages) == 2


async def test_a_child_that_keeps_dying_is_restarted_every_time(bench: Bench) -> None:
    await bench.supervisor.start(bench.spec("one", "import time; print('ready', flush=True); time.sleep(0.2)"))

    await bench.until("one is ready again", 3)

    assert bench.starts["one"] >= 4


async def test_a_child_that_stops_answering_is_restarted(bench: Bench) -> None:
    mark = bench.folder / "mark"
    mark.touch()

    async def answers(child: object) -> bool:
        return mark.exists()

    await bench.supervisor.start(bench.spec("one", healthy=answers))
    before = bench.pid("one")
    mark.unlink()

    await bench.until("one is ready again")

    assert any(f"one (pid {before}) did not answer 3 times in a row" in words for words in bench.messages)


async def test_one_late_health_check_causes_no_restart(bench: Bench) -> None:
    answers = [False, False, True, True]
    all_changed = asyncio.Event()

    async def sometimes(child: object) -> bool:
        if len(answers) == 1:
            all_changed.set()
        return answers.pop(0) if answers else True

    await bench.supervisor.start(bench.spec("one", healthy=sometimes))
    before = bench.pid("one")
    async with asyncio.timeout(20):
        await all_changed.wait()

    assert bench.pid("one") == before


async def test_children_are_stopped_from_the_highest_stage_down(bench: Bench) -> None:
    for name, stage in (("database", 0), ("worker", 2), ("api", 1)):
        await bench.supervisor.start(bench.spec(name, stage=stage))

    await bench.supervisor.stop()

    assert [words for words in bench.messages if words.startswith("stopping")] == [
        "stopping worker",
        "stopping api",
        "stopping database",
    ]
    assert bench.supervisor.processes() == ()


async def test_a_failed_preparation_is_an_error_with_the_end_of_its_log(bench: Bench) -> None:
    with pytest.raises(StartFailed, match=r"migrate ended with exit code 1; the end of .*:\nno such table"):
        await bench.supervisor.run_to_end(bench.spec("migrate", "raise SystemExit('no such table')"))


async def test_a_preparation_that_hangs_is_killed(bench: Bench) -> None:
    with pytest.raises(StartFailed, match="init did not finish within 1 s"):
        await bench.supervisor.run_to_end(bench.spec("init", ready_seconds=1.0))


async def test_a_child_gets_its_identity(bench: Bench) -> None:
    program = "import os, time; print(os.environ['WHO'], 'ready', flush=True); time.sleep(600)"

    await bench.supervisor.start(bench.spec("worker-1", program, identity_variable="WHO"))

    assert (bench.folder / "worker-1.log").read_text() == "worker-1@1 ready\n"


async def test_a_child_that_is_held_down_is_restarted_only_after_that_time(bench: Bench) -> None:
    await bench.supervisor.start(bench.spec("postgres"))
    before = bench.pid("postgres")
    holding = asyncio.create_task(bench.supervisor.hold_down("postgres", 0.5))
    await bench.until("postgres is held down")

    while not holding.done():
        assert bench.supervisor.processes() == () or bench.pid("postgres") != before
        await asyncio.sleep(0.02)

    assert bench.pid("postgres") != before
    os.kill(bench.pid("postgres"), signal.SIGKILL)
    await bench.until("postgres is ready again")
