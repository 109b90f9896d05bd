"""The checker of the crash table: for each line, the hits, the lost reports, and whether the bill held the promise."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from durable_research.domain.workflows.workflow import FINAL
from durable_research.experiments.campaign.collection import report_seen
from durable_research.experiments.crash_points import Cell
from durable_research.experiments.crash_table.runs import Run
from durable_research.experiments.evidence import histories, provider_evidence
from durable_research.experiments.evidence.database_evidence import read_tables
from durable_research.experiments.evidence.evidence import Reported, ReportSeen
from durable_research.experiments.evidence.invariants import (
    REPORT_RULES,
    RULES_OF_A_FAILED_REPORT,
    Rule,
    mischarged,
    misreported,
)
from durable_research.experiments.evidence.proof import billing_lines
from durable_research.experiments.installations.slot import Slot

GAVE_UP = "unconfirmed_effect"


@dataclass(frozen=True)
class JudgedRun:
    """One run with the evidence of its report; `report` is None when it was never accepted."""

    proof: str
    why_void: str
    report: ReportSeen | None
    seconds: float


@dataclass(frozen=True)
class CellResult:
    """One line of the table."""

    cell: Cell
    runs: tuple[JudgedRun, ...]

    @property
    def reports(self) -> list[ReportSeen]:
        """The accepted reports."""
        return [run.report for run in self.runs if run.report is not None]

    @property
    def void(self) -> list[str]:
        """The reasons of the void runs, which prove nothing."""
        return [run.why_void for run in self.runs if run.why_void]

    @property
    def lost(self) -> int:
        """Reports that never ended, or were never accepted."""
        return sum(run.report is None or run.report.status not in FINAL for run in self.runs)

    @property
    def gave_up(self) -> int:
        """Reports that ended as failed, because the cap on calls of unknown outcome was used up."""
        return sum(report.error == GAVE_UP for report in self.reports)

    @property
    def mean_calls(self) -> float:
        """Billed model calls per report."""
        return statistics.fmean(report.model_calls for report in self.reports) if self.reports else 0.0

    @property
    def most_calls(self) -> int:
        """The most billed model calls of one report."""
        return max((report.model_calls for report in self.reports), default=0)

    @property
    def mean_messages(self) -> float:
        """Notifications received per report, without repeats that the receiver recognises by their id."""
        return statistics.fmean(report.notifications for report in self.reports) if self.reports else 0.0

    @property
    def possible_extra(self) -> int:
        """Possible extra charges reported, of all reports together."""
        return sum(report.reported.possible_extra for report in self.reports if report.reported)

    @property
    def broken(self) -> list[str]:
        """A sentence for each piece of evidence against the promise."""
        found = ["a report was never accepted" for run in self.runs if run.report is None]
        for report in self.reports:
            rules: tuple[Rule, ...] = REPORT_RULES
            messages = self.cell.messages
            if self.cell.may_give_up and report.error == GAVE_UP:
                rules, messages = RULES_OF_A_FAILED_REPORT, (0, 0)
            words = [rule(report) for rule in rules]
            words += [mischarged(report, self.cell.most_calls), misreported(report, *messages)]
            found += [f"{report.report_id} ({report.word}): {one}" for one in words if one]
        return found


async def judge_cells(
    cells: Iterable[Cell], lived: Sequence[tuple[Slot, Run]], reported: Mapping[str, Reported]
) -> list[CellResult]:
    """Collect the evidence of every outside source about all runs, and group it by cell."""
    seen = await _seen(lived, reported)
    by_cell: dict[Cell, list[JudgedRun]] = defaultdict(list)
    for _, run in lived:
        report = seen.get(run.asked.report_id or "")
        by_cell[run.cell].append(JudgedRun(run.proof, run.why_void, report, run.seconds))
    return [CellResult(cell, tuple(by_cell[cell])) for cell in cells]


async def _seen(lived: Sequence[tuple[Slot, Run]], reported: Mapping[str, Reported]) -> dict[str, ReportSeen]:
    slots = {slot.number: slot for slot, _ in lived}
    found: dict[str, ReportSeen] = {}
    for slot in slots.values():
        mine = {run.asked.report_id: run for one, run in lived if one is slot and run.asked.report_id}
        tables = await read_tables(slot.database_url)
        words = {run.asked.word: report_id for report_id, run in mine.items()}
        lines = [line for one in slot.ground.providers.values() for line in billing_lines(one.billing_log)]
        bills = provider_evidence.bills(lines, words, tables.owners)
        engine = await histories.statuses(slot.engine(), mine)
        for report_id, run in mine.items():
            found[report_id] = report_seen(
                slot.objects, report_id, run.asked, tables, bills, engine[report_id], reported.get(report_id)
            )
    return found
