"""Faults follow from their seed, hit the named process, and record whether they really happened."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from durable_research.experiments.campaign.nemesis import WEIGHTS, Fault, Injector, plan_faults
from durable_research.local.data_folder import DataFolder, write_json


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def injector(
    tmp_path: Path,
    fault: Fault,
    pid: int,
    in_flight: Callable[[], int] = lambda: 1,
    cuts: list[float] | None = None,
) -> Injector:
    data = DataFolder(tmp_path)
    write_json(data.up, {"processes": [{"role": fault.role, "name": "worker-1", "pid": pid, "identity": "worker-1@1"}]})

    async def hold(name: str, seconds: float) -> None:
        raise AssertionError("nothing is to be held down")

    async def cut(seconds: float) -> None:
        if cuts is not None:
            cuts.append(seconds)

    return Injector([fault], data, tmp_path / "faults.jsonl", in_flight, hold, cut, lambda words: None)


def test_the_same_seed_plans_the_same_faults_and_another_seed_others() -> None:
    assert plan_faults(1, 60, 15, 7, 4.0) == plan_faults(1, 60, 15, 7, 4.0)
    assert plan_faults(1, 60, 15, 7, 4.0) != plan_faults(2, 60, 15, 7, 4.0)


def test_a_role_without_a_weight_gets_no_fault() -> None:
    weights = {role: weight for role, weight in WEIGHTS.items() if role != "simulator"}

    assert {fault.role for fault in plan_faults(1, 60, 15, 0, 4.0, weights)} == set(weights)


def test_every_role_is_killed_and_paused_at_least_once() -> None:
    planned = Counter((fault.role, fault.act) for fault in plan_faults(7, 6, 5, 2, 4.0))

    assert set(planned) == {(role, act) for role in WEIGHTS for act in ("kill", "pause")} | {("simulator", "cut")}
    assert planned.total() == 13


async def test_the_connection_to_the_provider_is_cut_for_the_planned_time(
    tmp_path: Path, sleeper: "subprocess.Popen[bytes]"
) -> None:
    cuts: list[float] = []
    firing = injector(tmp_path, Fault("simulator", "cut", 0.0, seconds=3.0), sleeper.pid, cuts=cuts)

    await firing.run()

    assert (cuts, firing.fired[0].counts) == ([3.0], True)


async def test_a_kill_is_executed_and_recorded(tmp_path: Path, sleeper: "subprocess.Popen[bytes]") -> None:
    firing = injector(tmp_path, Fault("worker", "kill", 0.0), sleeper.pid)

    await firing.run()

    assert [(fault.role, fault.act, fault.counts) for fault in firing.fired] == [("worker", "kill", True)]
    assert f'"pid": {sleeper.pid}' in (tmp_path / "faults.jsonl").read_text()
    assert sleeper.wait(10) == -9


async def test_a_paused_process_continues_afterwards(tmp_path: Path, sleeper: "subprocess.Popen[bytes]") -> None:
    firing = injector(tmp_path, Fault("worker", "pause", 0.0, seconds=0.1), sleeper.pid)

    await firing.run()

    assert firing.fired[0].happened
    assert psutil.Process(sleeper.pid).status() != psutil.STATUS_STOPPED


async def test_nothing_is_killed_while_nothing_is_in_flight(tmp_path: Path, sleeper: "subprocess.Popen[bytes]") -> None:
    polled_three_times, times = asyncio.Event(), 0

    def in_flight() -> int:
        nonlocal times
        times += 1
        if times == 3:
            polled_three_times.set()
        return 0

    firing = asyncio.create_task(injector(tmp_path, Fault("worker", "kill", 0.0), sleeper.pid, in_flight).run())
    await polled_three_times.wait()

    assert not firing.done()
    assert sleeper.poll() is None
    firing.cancel()
