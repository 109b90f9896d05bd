"""One child process: how it starts, how it ends, and that it never outlives its supervisor."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from durable_research.local.processes import readiness
from durable_research.local.processes.child import Account, Child, ChildSpec, Guard, trim_log
from tests.local.running import alive, eventually

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def guard() -> Iterator[Guard]:
    opened = Guard()
    yield opened
    opened.close()


Starter = Callable[..., Child]


@pytest.fixture
def start(tmp_path: Path, guard: Guard, request: pytest.FixtureRequest) -> Starter:
    def begin(code: str, **how: Any) -> Child:
        usual: dict[str, Any] = {"argv": (sys.executable, "-I", "-S", "-u", "-c", code)}
        spec = ChildSpec(
            name="child",
            role="worker",
            env=dict(os.environ),
            log=tmp_path / "logs" / "child.log",
            ready=readiness.on_log("ready"),
            **{**usual, **how},
        )
        child = Child.start(spec, guard)
        request.addfinalizer(child.reap)
        return child

    return begin


def written(child: Child, text: str) -> str:
    return eventually(
        lambda: child.log_since_start() if text in child.log_since_start() else "", f"{text!r} in the log"
    )


def quiet(words: str) -> None:
    """Print nothing."""


def test_a_child_has_its_own_process_group(start: Starter) -> None:
    child = start("import time; time.sleep(600)")

    assert os.getpgid(child.pid) == child.pid != os.getpgid(0)


async def test_the_exit_code_of_a_child_is_returned(start: Starter) -> None:
    assert await start("raise SystemExit(3)").exited() == 3


async def test_a_killed_child_returns_its_signal(start: Starter) -> None:
    child = start("import time; time.sleep(600)")
    os.kill(child.pid, signal.SIGKILL)

    assert await child.exited() == -signal.SIGKILL


async def test_a_child_is_stopped_by_its_configured_signal(start: Starter) -> None:
    child = start(
        "import signal, time\n"
        "def end(*_): raise SystemExit('asked nicely')\n"
        "signal.signal(signal.SIGINT, end)\n"
        "print('ready'); time.sleep(600)",
        stop_signal=signal.SIGINT,
    )
    written(child, "ready")

    await child.stop(quiet)

    assert "asked nicely" in child.log_since_start()


async def test_a_child_that_ignores_the_signal_is_killed_after_its_grace(start: Starter) -> None:
    child = start(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready'); time.sleep(600)",
        grace_seconds=0.2,
    )
    written(child, "ready")
    messages: list[str] = []

    await child.stop(messages.append)

    assert (alive(child.pid), messages) == (False, [f"child (pid {child.pid}) did not stop in time: killing it"])


async def test_the_hurry_event_ends_the_grace(start: Starter) -> None:
    child = start(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready'); time.sleep(600)",
        grace_seconds=600,
    )
    written(child, "ready")
    hurry = asyncio.Event()
    hurry.set()

    async with asyncio.timeout(10):
        await child.stop(quiet, hurry)

    assert not alive(child.pid)


async def test_the_children_of_a_killed_child_die_with_it(start: Starter) -> None:
    child = start(
        "import subprocess, sys, time\n"
        "inner = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print('inner', inner.pid); time.sleep(600)"
    )
    inner = int(written(child, "inner ").split()[1])
    os.kill(child.pid, signal.SIGKILL)
    await child.exited()

    child.reap()

    eventually(lambda: not alive(inner), "the inner process to die")


@AS_ROOT
async def test_a_child_with_an_account_has_no_root_privileges(start: Starter) -> None:
    child = start("", argv=("cat", "/proc/self/status"), account=Account(64321, 64321))
    await child.exited()

    status = dict(line.split(":", 1) for line in child.log_since_start().splitlines())
    assert [status[name].split() for name in ("Uid", "Gid", "Groups")] == [["64321"] * 4, ["64321"] * 4, []]
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0


async def test_a_program_that_does_not_exist_is_named_in_the_log(start: Starter, guard: Guard, tmp_path: Path) -> None:
    spec = ChildSpec("child", "api", ("/no/such/program",), {}, tmp_path / "child.log", readiness.on_log("ready"))

    child = Child.start(spec, guard)

    assert await child.exited() == 127
    assert child.last_lines() == "cannot start /no/such/program: No such file or directory"
    child.reap()


def test_a_long_log_is_rotated(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    log.write_text("old words")

    trim_log(log, limit_bytes=5)

    assert (log.read_text(), (tmp_path / "child.log.1").read_text()) == ("", "old words")


PARENT = """
import sys, time
sys.path[:0] = {path!r}
from pathlib import Path
from typing import Any
from durable_research.local.processes import readiness
from durable_research.local.processes.child import Child, ChildSpec, Guard
inner = "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
code = inner + "; print('inner', p.pid, flush=True); time.sleep(600)"
argv = (sys.executable, "-c", code)
guard = Guard()
child = Child.start(ChildSpec("child", "worker", argv, {{}}, Path({log!r}), readiness.on_log("")), guard)
print(guard._process.pid, child.pid, flush=True)
time.sleep(600)
"""

LONELY_PARENT = """
import sys, time
sys.path[:0] = {path!r}
from pathlib import Path
from typing import Any
from durable_research.local.processes import readiness
from durable_research.local.processes.child import Account, Child, ChildSpec, Guard
guard = Guard()
spec = ChildSpec("child", "worker", ("/bin/sleep", "600"), {{}}, Path({log!r}), readiness.on_log(""), account={account!r})
child = Child.start(spec, guard)
print(guard._process.pid, child.pid, flush=True)
time.sleep(600)
"""


async def test_killing_the_supervisor_kills_its_children_and_their_children(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT.format(path=sys.path, log=str(log)), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    guard_pid, child = (int(word) for word in (await parent.stdout.readline()).split())
    inner = int(eventually(lambda: log.read_text() if log.exists() else "", "the inner process").split()[1])

    parent.kill()
    await parent.wait()

    eventually(lambda: not any(map(alive, (child, inner, guard_pid))), "all of them to die", seconds=8)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has a parent-death signal")
@pytest.mark.parametrize("account", [None, pytest.param(Account(64321, 64321), marks=AS_ROOT)])
async def test_without_its_guard_a_killed_supervisor_still_ends_its_children(
    tmp_path: Path, account: Account | None
) -> None:
    code = LONELY_PARENT.format(path=sys.path, log=str(tmp_path / "child.log"), account=account)
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    guard_pid, child = (int(word) for word in (await parent.stdout.readline()).split())
    eventually(lambda: "sleep" in Path(f"/proc/{child}/cmdline").read_text().split("\0")[0], "the child to be itself")
    os.kill(guard_pid, signal.SIGKILL)

    parent.kill()
    await parent.wait()

    eventually(lambda: not alive(child), "the child to die")
