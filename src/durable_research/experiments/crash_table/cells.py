"""The checker of the crash table: for each line, the hits, the lost reports, and whether the bill held the promise."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from durable_research.domain.workflows.workflow import FINAL
from durable_research.experiments.campaign.collection import report_evidence
from durable_research.experiments.crash_points import Cell
from durable_research.experiments.crash_table.runs import Run
from durable_research.experiments.evidence import histories, provider_evidence
from durable_research.experiments.evidence.database_evidence import read_tables
from durable_research.experiments.evidence.evidence import ReportedCharges, ReportEvidence
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
class CheckedRun:
    """One run with the evidence of its report; `report` is None when it was never accepted."""

    proof: str
    void_reason: str
    report: ReportEvidence | None
    seconds: float


@dataclass(frozen=True)
class CellResult:
    """One line of the table."""

    cell: Cell
    runs: tuple[CheckedRun, ...]

    @property
    def reports(self) -> list[ReportEvidence]:
        """The accepted reports."""
        return [run.report for run in self.runs if run.report is not None]

    @property
    def void(self) -> list[str]:
        """The reasons of the void runs, which prove nothing."""
        return [run.void_reason for run in self.runs if run.void_reason]

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
            sentences = [rule(report) for rule in rules]
            sentences += [mischarged(report, self.cell.most_calls), misreported(report, *messages)]
            found += [f"{report.report_id} ({report.word}): {one}" for one in sentences if one]
        return found


async def check_cells(
    cells: Iterable[Cell], runs: Sequence[tuple[Slot, Run]], reported: Mapping[str, ReportedCharges]
) -> list[CellResult]:
    """Collect the evidence of every outside source about all runs, and group it by cell."""
    evidence = await _evidence_by_report(runs, reported)
    by_cell: dict[Cell, list[CheckedRun]] = defaultdict(list)
    for _, run in runs:
        report = evidence.get(run.request.report_id or "")
        by_cell[run.cell].append(CheckedRun(run.proof, run.void_reason, report, run.seconds))
    return [CellResult(cell, tuple(by_cell[cell])) for cell in cells]


async def _evidence_by_report(
    runs: Sequence[tuple[Slot, Run]], reported: Mapping[str, ReportedCharges]
) -> dict[str, ReportEvidence]:
    slots = {slot.number: slot for slot, _ in runs}
    found: dict[str, ReportEvidence] = {}
    for slot in slots.values():
        requests = {run.request.report_id: run for one, run in runs if one is slot and run.request.report_id}
        tables = await read_tables(slot.database_url)
        by_word = {run.request.word: report_id for report_id, run in requests.items()}
        lines = [line for one in slot.shared.providers.values() for line in billing_lines(one.billing_log)]
        bills = provider_evidence.bills(lines, by_word, tables.owners)
        engine = await histories.statuses(slot.engine(), requests)
        for report_id, run in requests.items():
            found[report_id] = report_evidence(
                slot.objects, report_id, run.request, tables, bills, engine[report_id], reported.get(report_id)
            )
    return found
