"""The report of a campaign: one page of Markdown, with the command that repeats it."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from durable_research.experiments.evidence.evidence import Evidence, ReportEvidence
from durable_research.experiments.evidence.invariants import CheckResult, lost_rate_bound

_EVIDENCE_SHOWN = 20


def campaign_page(
    command: str, seconds: float, evidence: Evidence, results: Sequence[CheckResult], empty: Sequence[str]
) -> str:
    """Write the page."""
    held = all(result.held for result in results)
    outcome = "VOID" if empty and held else "held" if held else "BROKEN"
    parts = [
        f"# Chaos campaign: {outcome}",
        f"`{command}`",
        *_notes(evidence),
        _figures(evidence, seconds),
        "## Faults\n\nA fault counts when it happened and reports were in flight.\n\n" + _faults(evidence),
        *_quirks(evidence),
        "## Invariants\n\n" + _results(results),
        *_bound(evidence),
        *_evidence(results),
    ]
    if empty:
        parts.append("## Void\n\n" + _bullets(empty))
    return "\n\n".join(parts) + "\n"


def _notes(evidence: Evidence) -> list[str]:
    notes = []
    if evidence.noun != "report":
        notes.append(f"Every *report* below is a {evidence.noun}: it has its text, and no PDF.")
    if any(report.quirk and report.quirk.first for report in evidence.reports):
        notes.append("Every report had failed before the first fault; load and times are those of resuming it.")
    return notes


def _figures(evidence: Evidence, seconds: float) -> str:
    ends = Counter(report.status or "no row" for report in evidence.reports)
    took = sorted(report.seconds for report in evidence.reports if report.seconds is not None)
    calls = sum(report.model_calls for report in evidence.reports)
    extra = sum(report.reported.possible_extra for report in evidence.reports if report.reported)
    rows = {
        "reports asked for, accepted": f"{evidence.requested}, {len(evidence.reports)}",
        "ends": ", ".join(f"{count} {end}" for end, count in ends.most_common()),
        "ended as they should": str(sum(report.ended_as_expected for report in evidence.reports)),
        "duration of load and faults": f"{seconds:.0f} s",
        "model calls billed, by the provider's log": f"{calls} ({calls / max(len(evidence.reports), 1):.3f} a report)",
        "possible extra charges told": str(extra),
        "notifications received": str(sum(report.notifications for report in evidence.reports)),
        "answered failures counted against caps": str(sum(report.counted_failures for report in evidence.reports)),
        "answers of the API": ", ".join(f"{count} times {name}" for name, count in sorted(evidence.answers.items())),
        "histories replayed; logs and histories searched": f"{evidence.replayed}; {evidence.searched}",
    }
    if resumptions := sum(report.resumptions for report in evidence.reports):
        most = max(report.resumptions for report in evidence.reports)
        rows["times resumed; most often one report"] = f"{resumptions}; {most}"
    if len(took) > 1:
        cuts = statistics.quantiles(took, n=20)
        rows["from asking to the end: median, 95 %, longest"] = f"{cuts[9]:.1f} s, {cuts[18]:.1f} s, {took[-1]:.1f} s"
    return "| | |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in rows.items())


def _faults(evidence: Evidence) -> str:
    happened = Counter((fault.role, fault.act) for fault in evidence.fired if fault.happened)
    counted = Counter((fault.role, fault.act) for fault in evidence.fired if fault.counts)
    lines = [
        f"| {role} | {act} | {planned} | {happened[role, act]} | {counted[role, act]} |"
        for (role, act), planned in sorted(evidence.planned.items())
    ]
    return "\n".join(["| role | fault | planned | happened | counted |", "|---|---|---|---|---|", *lines])


def _quirks(evidence: Evidence) -> list[str]:
    """Each quirk of the provider: the expected outcome, and the observed one."""
    by_name: dict[str, list[ReportEvidence]] = defaultdict(list)
    for report in evidence.reports:
        if report.quirk:
            by_name[report.quirk.name].append(report)
    if not by_name:
        return []
    lines = [_quirk(name, reports) for name, reports in sorted(by_name.items())]
    head = ["| quirk | reports | must end | ended so | billed, by report | told |", "|---|---|---|---|---|---|"]
    text = "What the provider did to a report, one [quirk](quirks.md) each; bills are the provider's own, by its log."
    return [f"## Quirks\n\n{text}\n\n" + "\n".join([*head, *lines])]


def _quirk(name: str, reports: Sequence[ReportEvidence]) -> str:
    expected = reports[0].quirk
    ends = " or ".join(filter(None, (expected.error or expected.status, expected.or_error))) if expected else ""
    ends = f"{expected.first}, then {ends}" if expected and expected.first else ends
    bills = Counter(report.model_calls for report in reports)
    billed = ", ".join(f"{count} times {calls}" for calls, count in sorted(bills.items()))
    reported = sum(report.reported.settled + report.reported.possible_extra for report in reports if report.reported)
    ended = sum(report.ended_as_expected for report in reports)
    return f"| {name} | {len(reports)} | {ends} | {ended} | {billed} | {reported} |"


def _results(results: Iterable[CheckResult]) -> str:
    lines = [
        f"| {one.invariant.number} | {one.invariant.sentence} | {'held' if one.held else f'BROKEN, {len(one.against)} times'} |"
        for one in results
    ]
    return "\n".join(["| | invariant | |", "|---|---|---|", *lines])


def _bound(evidence: Evidence) -> list[str]:
    rate = lost_rate_bound(evidence)
    if rate is None:
        return []
    count = len(evidence.reports)
    text = f"No report of {count} was lost: the rate of lost reports is at most {rate:.2%} (95 %, 3/n)."
    return [text + " This is a bound for these faults on this machine, and no proof of never."]


def _evidence(results: Iterable[CheckResult]) -> list[str]:
    return [
        f"## Against {one.invariant.number}: {one.invariant.sentence}\n\n" + _bullets(one.against)
        for one in results
        if not one.held
    ]


def _bullets(sentences: Sequence[str]) -> str:
    shown = [f"* {sentence}" for sentence in sentences[:_EVIDENCE_SHOWN]]
    more = len(sentences) - len(shown)
    return "\n".join(shown + ([f"* … and {more} more"] if more else []))
