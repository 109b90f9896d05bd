"""Settles late sends: waits for each billed call that the API does not report yet, until reconciliation has polled it."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

from durable_research import policies
from durable_research.experiments.campaign.collection import reported_charges
from durable_research.experiments.crash_points import Cell
from durable_research.experiments.crash_table.runs import Run
from durable_research.experiments.evidence import provider_evidence
from durable_research.experiments.evidence.evidence import ReportedCharges
from durable_research.experiments.evidence.proof import billing_lines
from durable_research.experiments.installations.slot import Slot
from durable_research.local.console import Say

_EVERY_SECONDS = 5.0
# An unresolved send is polled at that age, by a reconciliation pass that is triggered early; a minute more is plenty.
_TIMEOUT_SECONDS = policies.LOOK_UP_UNRESOLVED_AFTER.total_seconds() + 60


async def wait_for_late_charges(
    runs: Sequence[tuple[Slot, Run]], reported: Mapping[str, ReportedCharges], say: Say
) -> dict[str, ReportedCharges]:
    """Return the API's later charges for the reports that were billed more often than it first reported."""
    billed = _billed(runs)
    waiting: dict[Slot, list[Run]] = defaultdict(list)
    for slot, run in runs:
        if run.request.report_id and _is_unreported(run, billed, reported):
            waiting[slot].append(run)
    if not waiting:
        return {}
    count = sum(map(len, waiting.values()))
    say(f"{count} reports were billed more often than told; waiting for reconciliation to look their calls up")
    found = await asyncio.gather(*(_wait_in_slot(slot, unreported) for slot, unreported in waiting.items()))
    return {report_id: charges for one in found for report_id, charges in one.items()}


def _billed(runs: Sequence[tuple[Slot, Run]]) -> Mapping[str, int]:
    """How often each report was billed, by its word."""
    files = {provider.billing_log for slot, _ in runs for provider in slot.shared.providers.values()}
    words = {run.request.word: run.request.word for _, run in runs}
    return provider_evidence.bills((line for file in files for line in billing_lines(file)), words, {}).model_calls


def _is_unreported(run: Run, billed: Mapping[str, int], reported: Mapping[str, ReportedCharges]) -> bool:
    charges = reported.get(run.request.report_id or "")
    return charges is None or billed.get(run.request.word, 0) > charges.settled + charges.possible_extra


async def _wait_in_slot(slot: Slot, runs: Sequence[Run]) -> dict[str, ReportedCharges]:
    reported: dict[str, ReportedCharges] = {}
    by_class: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        by_class[run.cell.model_class].append(run)
    # One class after another: a worker of one class cannot reach another's provider.
    for class_runs in by_class.values():
        await slot.start_cell(_without_freeze(class_runs[0].cell), rule="")
        try:
            reported |= await _until_reported(slot, class_runs)
        finally:
            await slot.stop_workers()
            await slot.stop_api()
    return reported


async def _until_reported(slot: Slot, runs: Sequence[Run]) -> dict[str, ReportedCharges]:
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while True:
        await slot.reconcile_now()
        await asyncio.sleep(_EVERY_SECONDS)
        reported = await reported_charges(slot.url, [run.request.report_id for run in runs if run.request.report_id])
        billed = _billed([(slot, run) for run in runs])
        if time.monotonic() > deadline or not any(_is_unreported(run, billed, reported) for run in runs):
            return reported


def _without_freeze(cell: Cell) -> Cell:
    """The same provider without a freeze: one worker is enough."""
    return Cell(cell.point.as_kill(), cell.effect, cell.provider_class, cell.model_class)
