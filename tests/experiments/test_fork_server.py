"""A program from the forks is a process like any other: its own environment and log, a real signal, a real status."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from durable_research.experiments.installations.fork_client import ForkClient, ForkServerEnded
from durable_research.experiments.installations.restarted_process import RestartedProcess


@pytest.fixture
async def forks() -> AsyncIterator[ForkClient]:
    forks = ForkClient(["durable_research.cli.main", "durable_research.cli.operator.doctor.command"])
    await forks.open()
    yield forks
    await forks.close()


def environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], **more}


async def test_a_forked_program_has_its_own_arguments_environment_and_log(forks: ForkClient, tmp_path: Path) -> None:
    log = tmp_path / "doctor.log"

    child = await forks.start(("doctor",), environment(DURABLE_RESEARCH_PORT="not a number"), log)

    assert await child.ended == 1
    assert "DURABLE_RESEARCH_PORT" in log.read_text()


async def test_a_killed_forked_program_is_reported_with_its_signal(forks: ForkClient, tmp_path: Path) -> None:
    child = await forks.start(("worker",), environment(TEMPORAL_ADDRESS="127.0.0.1:1"), tmp_path / "worker.log")

    os.kill(child.pid, signal.SIGKILL)

    assert await child.ended == -signal.SIGKILL
    child.send(signal.SIGKILL)  # no process runs any more, and no other one with that pid is hit


async def test_a_restarted_process_comes_back_and_its_death_is_recorded(forks: ForkClient, tmp_path: Path) -> None:
    restarted = RestartedProcess(
        forks, ("worker",), environment(TEMPORAL_ADDRESS="127.0.0.1:1"), tmp_path / "worker-1.log"
    )
    await restarted.start()
    first = restarted.pid
    assert first is not None

    os.kill(first, signal.SIGKILL)
    await restarted.started_again.wait()

    again = restarted.pid
    assert again not in {None, first}
    assert [(death.pid, death.code) for death in restarted.deaths] == [(first, -signal.SIGKILL)]
    await restarted.stop()
    assert (restarted.pid, len(restarted.deaths)) == (None, 1)


async def test_forked_programs_end_with_the_fork_server(tmp_path: Path) -> None:
    forks = ForkClient(["durable_research.cli.main"])
    await forks.open()
    child = await forks.start(("worker",), environment(TEMPORAL_ADDRESS="127.0.0.1:1"), tmp_path / "worker.log")
    process = psutil.Process(child.pid)

    await forks.close()

    psutil.wait_procs([process], timeout=10)
    assert not process.is_running()


async def test_a_fork_client_that_is_not_open_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(ForkServerEnded):
        await ForkClient([]).start(("worker",), {}, tmp_path / "worker.log")
