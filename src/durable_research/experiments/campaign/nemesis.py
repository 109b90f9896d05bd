"""The faults of a campaign: planned from a seed, fired while work is in flight, each recorded with the process it hit."""

import asyncio
import contextlib
import json
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import psutil

from durable_research.experiments.evidence.evidence import PROVIDER, FiredFault
from durable_research.local.console import Say
from durable_research.local.data_folder import DataFolder
from durable_research.local.up import RunningProcess, Up, read_up
from durable_research.telemetry.logs import WORKER_READY

Act = Literal["kill", "pause", "cut", "outage"]
# How often each role is hit: in production, workers are many and die most often, servers seldom.
WEIGHTS = {"worker": 9, "api": 4, "temporal": 3, "postgres": 3, "simulator": 3}
SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 8.0
_DEATH_SECONDS = 10.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Fault:
    """What to do to which role, and how long after the previous fault."""

    role: str
    act: Act
    gap_seconds: float
    seconds: float = 0.0  # of a pause, a cut or an outage
    name: str | None = None  # a process by its name, instead of any one of its role


def plan_faults(
    seed: int, kills: int, pauses: int, cuts: int, mean_gap_seconds: float, weights: Mapping[str, int] = WEIGHTS
) -> list[Fault]:
    """Random faults from a seed; if the counts suffice, each act hits each role at least once."""
    rng = random.Random(seed)  # noqa: S311 - a campaign must be repeatable
    acts: list[tuple[str, Act]] = [*_roles(rng, kills, "kill", weights), *_roles(rng, pauses, "pause", weights)]
    # Only the connection to the provider can be cut: it passes through our proxy.
    acts += [(PROVIDER, "cut")] * cuts
    rng.shuffle(acts)
    return [
        Fault(
            role,
            act,
            rng.expovariate(1 / mean_gap_seconds),
            0.0 if act == "kill" else rng.uniform(SHORTEST_PAUSE, LONGEST_PAUSE),
        )
        for role, act in acts
    ]


def _roles(rng: random.Random, count: int, act: Act, weights: Mapping[str, int]) -> list[tuple[str, Act]]:
    certain = list(weights)[:count]
    chosen = rng.choices(list(weights), list(weights.values()), k=count - len(certain))
    return [(role, act) for role in (*certain, *chosen)]


def in_a_row(times: int) -> list[Fault]:
    """Kills of the same worker, each as soon as it works again."""
    return [Fault("worker", "kill", 0.5, name="worker-1")] * times


class Injector:
    """Fires the faults one after another; `in_flight` counts unfinished reports.

    `hold` keeps a child down for a while, `cut` interrupts the connection to the provider.
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        data: DataFolder,
        log: Path,
        in_flight: Callable[[], int],
        hold: Callable[[str, float], Awaitable[None]],
        cut: Callable[[float], Awaitable[None]],
        say: Say,
    ) -> None:
        self._faults = faults
        self._data = data
        self._log = log
        self._in_flight = in_flight
        self._hold = hold
        self._cut = cut
        self._say = say
        self.fired: list[FiredFault] = []
        self.begun = 0

    async def run(self) -> None:
        """Fire all faults; the next ones are fired while one process is paused or cut off."""
        async with asyncio.TaskGroup() as paused:
            for number, fault in enumerate(self._faults, 1):
                await asyncio.sleep(fault.gap_seconds)
                # A fault that hits an idle installation proves nothing.
                while not self._in_flight():  # noqa: ASYNC110 - it is a number, not an event
                    await asyncio.sleep(_POLL_SECONDS)
                process = await self._target(fault)
                self.begun = number
                if fault.act in ("pause", "cut"):
                    paused.create_task(self._fire_and_record(number, fault, process))
                else:
                    await self._fire_and_record(number, fault, process)

    async def _fire_and_record(self, number: int, fault: Fault, process: RunningProcess) -> None:
        in_flight, at = self._in_flight(), time.time()
        happened = await self._fire(fault, process)
        self.fired.append(FiredFault(fault.role, fault.act, in_flight, happened))
        line = {
            "at": at,
            "number": number,
            **asdict(fault),
            **asdict(process),
            "in_flight": in_flight,
            "happened": happened,
        }
        with self._log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")

    async def _target(self, fault: Fault) -> RunningProcess:
        """Wait for a running process of the role; a process chosen by name must also be ready again."""
        rng = random.Random(f"{fault}{self.begun}")  # noqa: S311 - as above
        while True:
            processes = [
                one
                for one in (read_up(self._data.up) or Up()).processes
                if one.role == fault.role
                and (fault.name is None or (fault.name == one.name and self._is_ready(one.identity, fault.name)))
                and _runs(one.pid)
            ]
            if processes:
                return rng.choice(processes)
            await asyncio.sleep(_POLL_SECONDS)

    def _is_ready(self, identity: str, name: str) -> bool:
        log = self._data.logs / f"{name}.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return any(WORKER_READY.name in line and f'"{identity}"' in line for line in lines)

    async def _fire(self, fault: Fault, process: RunningProcess) -> bool:
        pid = process.pid
        self._say(f"{fault.act} {process.name} (pid {pid}){f' for {fault.seconds:.0f} s' if fault.seconds else ''}")
        match fault.act:
            case "kill":
                os.kill(pid, signal.SIGKILL)
                return await _within(_DEATH_SECONDS, lambda: not _runs(pid))
            case "outage":
                await self._hold(process.name, fault.seconds)
                return True
            case "cut":
                await self._cut(fault.seconds)
                return True
            case "pause":
                return await _pause(pid, fault.seconds)


async def _pause(pid: int, seconds: float) -> bool:
    """Stop a process with all that it started (PostgreSQL's backends, a worker's renderer), then let it continue."""
    processes = _process_tree(pid)
    _send(processes, signal.SIGSTOP)
    try:
        stopped = await _within(_DEATH_SECONDS, lambda: _status(pid) == psutil.STATUS_STOPPED)
        await asyncio.sleep(seconds)
    finally:
        _send(processes, signal.SIGCONT)
    return stopped


def _process_tree(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


def _send(processes: Iterable[psutil.Process], number: int) -> None:
    for process in processes:
        with contextlib.suppress(
            psutil.Error
        ):  # psutil compares the start time too: never another process with the same pid
            process.send_signal(number)


def _status(pid: int) -> str | None:
    try:
        return str(psutil.Process(pid).status())
    except psutil.Error:
        return None


def _runs(pid: int) -> bool:
    return _status(pid) not in {None, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}


async def _within(seconds: float, poll: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not poll():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_POLL_SECONDS)
    return True
