"""One run of the crash table: a report, a process killed or frozen at the crash point, and the proof of that hit."""

import asyncio
import contextlib
import signal
import time
from dataclasses import dataclass

from durable_research.experiments.crash_points import Cell
from durable_research.experiments.evidence.client import Asked, Client, words_of
from durable_research.experiments.installations.restarted_process import Death, RestartedProcess
from durable_research.experiments.installations.slot import Slot

PATIENCE_SECONDS = 120.0
_LOOK_SECONDS = 0.05
# Reconciliation skips a row for its first five seconds; then the schedule's next pass is triggered early.
_BACKSTOP_AFTER_SECONDS, _BACKSTOP_EVERY_SECONDS = 6.0, 2.0
_WAKE_SECONDS = 30.0
_CANARY = "none"


@dataclass(frozen=True)
class Run:
    """The result of a run; `proof` is empty when the process was not hit at the point, and the run is void."""

    cell: Cell
    slot: int
    asked: Asked
    proof: str
    why_void: str
    seconds: float


async def live_through(slot: Slot, cell: Cell, number: int, seed: int) -> Run:
    """Submit a report, let it reach the crash point, follow it to its end."""
    asked = words_of(number, seed, _CANARY, cell.channels)
    slot.forget_hits()
    victims = slot.victims(cell)
    deaths_before = [len(victim.deaths) for victim in victims]
    stopped: set[int] = set()
    client, began = Client(slot.url), time.monotonic()
    watching = [asyncio.create_task(_note_stops(victims, stopped)), asyncio.create_task(_backstop(slot, cell))]
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            if cell.point.is_resumed:
                await slot.refuse_once(cell, asked.word)
            await client.live_through(asked)
            if cell.point.is_resumed:
                await client.resume(asked)
    except TimeoutError:
        pass  # judged by the evidence so far: a lost report
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        await client.close()
    deaths = [death for victim, before in zip(victims, deaths_before, strict=True) for death in victim.deaths[before:]]
    proof, why_void = _proof(slot, cell, asked, deaths, stopped)
    if cell.point.act == "freeze":
        await _all_awake(victims)
    return Run(cell, slot.number, asked, proof, why_void, time.monotonic() - began)


def _proof(slot: Slot, cell: Cell, asked: Asked, deaths: list[Death], stopped: set[int]) -> tuple[str, str]:
    """The failpoint's own line and the process state that the system reports must agree."""
    hits = [hit for hit in slot.hits() if hit["name"] == cell.point.failpoint and hit["act"] == cell.point.act]
    if len(hits) != 1:
        return "", f"{cell.point.failpoint} was met {len(hits)} times"
    pid, of = hits[0]["pid"], hits[0].get("workflow_id")
    if cell.point.victim == "worker" and of != asked.report_id:
        return "", f"it was met for {of}, not for {asked.report_id}"
    if cell.point.act == "freeze":
        return (f"pid {pid} SIGSTOP", "") if pid in stopped else ("", f"pid {pid} was never seen standing still")
    killed = [death for death in deaths if death.pid == pid and death.code == -signal.SIGKILL]
    return (f"pid {pid} SIGKILL", "") if killed else ("", f"pid {pid} met it; ended: {deaths}")


async def _note_stops(victims: list[RestartedProcess], stopped: set[int]) -> None:
    while True:
        stopped.update(victim.pid for victim in victims if victim.pid and victim.is_stopped())
        await asyncio.sleep(_LOOK_SECONDS)


async def _all_awake(victims: list[RestartedProcess]) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_WAKE_SECONDS):
            while any(victim.is_stopped() for victim in victims):  # noqa: ASYNC110 - the kernel sets no event
                await asyncio.sleep(_LOOK_SECONDS)


async def _backstop(slot: Slot, cell: Cell) -> None:
    """Trigger reconciliation where the API died with an accepted report; no other crash leaves work for it."""
    if cell.point.victim == "api":
        await asyncio.sleep(_BACKSTOP_AFTER_SECONDS)
        while True:
            await slot.reconcile_now()
            await asyncio.sleep(_BACKSTOP_EVERY_SECONDS)
