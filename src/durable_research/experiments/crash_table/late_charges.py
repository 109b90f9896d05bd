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
from durable_research.experiments.evidence.evidence import Reported
from durable_research.experiments.evidence.proof import billing_lines
from durable_research.experiments.installations.slot import Slot
from durable_research.local.console import Say

_EVERY_SECONDS = 5.0
# An unresolved send is polled at that age, by a reconciliation pass that is triggered early; a minute more is plenty.
_PATIENCE_SECONDS = policies.LOOK_UP_UNRESOLVED_AFTER.total_seconds() + 60


async def settle(lived: Sequence[tuple[Slot, Run]], reported: Mapping[str, Reported], say: Say) -> dict[str, Reported]:
    """Return the API's later charges for the reports that were billed more often than it first reported."""
    billed = _billed(lived)
    waiting: dict[Slot, list[Run]] = defaultdict(list)
    for slot, run in lived:
        if run.asked.report_id and _is_unreported(run, billed, reported):
            waiting[slot].append(run)
    if not waiting:
        return {}
    count = sum(map(len, waiting.values()))
    say(f"{count} reports were billed more often than told; waiting for reconciliation to look their calls up")
    found = await asyncio.gather(*(_settle_slot(slot, runs) for slot, runs in waiting.items()))
    return {report_id: charges for one in found for report_id, charges in one.items()}


def _billed(lived: Sequence[tuple[Slot, Run]]) -> Mapping[str, int]:
    """How often each report was billed, by its word."""
    files = {provider.billing_log for slot, _ in lived for provider in slot.ground.providers.values()}
    words = {run.asked.word: run.asked.word for _, run in lived}
    return provider_evidence.bills((line for file in files for line in billing_lines(file)), words, {}).model_calls


def _is_unreported(run: Run, billed: Mapping[str, int], reported: Mapping[str, Reported]) -> bool:
    charges = reported.get(run.asked.report_id or "")
    return charges is None or billed.get(run.asked.word, 0) > charges.settled + charges.possible_extra


async def _settle_slot(slot: Slot, lived: Sequence[Run]) -> dict[str, Reported]:
    reported: dict[str, Reported] = {}
    by_class: dict[str, list[Run]] = defaultdict(list)
    for run in lived:
        by_class[run.cell.model_class].append(run)
    # One class after another: a worker of one class cannot reach another's provider.
    for runs in by_class.values():
        await slot.begin(_quiet(runs[0].cell), rule="")
        try:
            reported |= await _until_reported(slot, runs)
        finally:
            await slot.stop_workers()
            await slot.stop_api()
    return reported


async def _until_reported(slot: Slot, lived: Sequence[Run]) -> dict[str, Reported]:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        await slot.reconcile_now()
        await asyncio.sleep(_EVERY_SECONDS)
        reported = await reported_charges(slot.url, [run.asked.report_id for run in lived if run.asked.report_id])
        billed = _billed([(slot, run) for run in lived])
        if time.monotonic() > deadline or not any(_is_unreported(run, billed, reported) for run in lived):
            return reported


def _quiet(cell: Cell) -> Cell:
    """The same provider without a freeze: one worker is enough."""
    return Cell(cell.point.as_kill(), cell.effect, cell.provider_class, cell.model_class)
