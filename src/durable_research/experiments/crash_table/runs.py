"""One run of the crash table: a report, a process killed or frozen at the crash point, and the proof of that hit."""

import asyncio
import contextlib
import signal
import time
from dataclasses import dataclass

from durable_research.experiments.crash_points import Cell
from durable_research.experiments.evidence.client import Client, ReportRequest, report_request
from durable_research.experiments.installations.restarted_process import Death, RestartedProcess
from durable_research.experiments.installations.slot import Slot

PATIENCE_SECONDS = 120.0
_POLL_SECONDS = 0.05
# Reconciliation skips a row for its first five seconds; then the schedule's next pass is triggered early.
_RECONCILE_AFTER_SECONDS, _RECONCILE_EVERY_SECONDS = 6.0, 2.0
_WAKE_SECONDS = 30.0
_CANARY = "none"


@dataclass(frozen=True)
class Run:
    """The result of a run; `proof` is empty when the process was not hit at the point, and the run is void."""

    cell: Cell
    slot: int
    request: ReportRequest
    proof: str
    void_reason: str
    seconds: float


async def run_cell(slot: Slot, cell: Cell, number: int, seed: int) -> Run:
    """Submit a report, let it reach the crash point, follow it to its end."""
    request = report_request(number, seed, _CANARY, cell.channels)
    slot.clear_hits()
    targets = slot.targets(cell)
    deaths_before = [len(target.deaths) for target in targets]
    stopped: set[int] = set()
    client, began = Client(slot.url), time.monotonic()
    watchers = [
        asyncio.create_task(_record_stops(targets, stopped)),
        asyncio.create_task(_reconcile_repeatedly(slot, cell)),
    ]
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            if cell.point.is_resumed:
                await slot.refuse_once(cell, request.word)
            await client.submit_and_follow(request)
            if cell.point.is_resumed:
                await client.resume(request)
    except TimeoutError:
        pass  # checked by the evidence so far: a lost report
    finally:
        for task in watchers:
            task.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        await client.close()
    deaths = [death for target, before in zip(targets, deaths_before, strict=True) for death in target.deaths[before:]]
    proof, void_reason = _proof(slot, cell, request, deaths, stopped)
    if cell.point.act == "freeze":
        await _wait_until_continued(targets)
    return Run(cell, slot.number, request, proof, void_reason, time.monotonic() - began)


def _proof(slot: Slot, cell: Cell, request: ReportRequest, deaths: list[Death], stopped: set[int]) -> tuple[str, str]:
    """The failpoint's own line and the process state that the system reports must agree."""
    hits = [hit for hit in slot.hits() if hit["name"] == cell.point.failpoint and hit["act"] == cell.point.act]
    if len(hits) != 1:
        return "", f"{cell.point.failpoint} was met {len(hits)} times"
    pid, workflow_id = hits[0]["pid"], hits[0].get("workflow_id")
    if cell.point.target == "worker" and workflow_id != request.report_id:
        return "", f"it was met for {workflow_id}, not for {request.report_id}"
    if cell.point.act == "freeze":
        return (f"pid {pid} SIGSTOP", "") if pid in stopped else ("", f"pid {pid} was never seen standing still")
    killed = [death for death in deaths if death.pid == pid and death.code == -signal.SIGKILL]
    return (f"pid {pid} SIGKILL", "") if killed else ("", f"pid {pid} met it; ended: {deaths}")


async def _record_stops(targets: list[RestartedProcess], stopped: set[int]) -> None:
    while True:
        stopped.update(target.pid for target in targets if target.pid and target.is_stopped())
        await asyncio.sleep(_POLL_SECONDS)


async def _wait_until_continued(targets: list[RestartedProcess]) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_WAKE_SECONDS):
            while any(target.is_stopped() for target in targets):  # noqa: ASYNC110 - the kernel sets no event
                await asyncio.sleep(_POLL_SECONDS)


async def _reconcile_repeatedly(slot: Slot, cell: Cell) -> None:
    """Trigger reconciliation where the API died with an accepted report; no other crash leaves work for it."""
    if cell.point.target == "api":
        await asyncio.sleep(_RECONCILE_AFTER_SECONDS)
        while True:
            await slot.reconcile_now()
            await asyncio.sleep(_RECONCILE_EVERY_SECONDS)
