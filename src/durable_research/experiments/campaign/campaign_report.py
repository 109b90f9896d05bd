"""The report of a campaign: one page of Markdown, with the command that repeats it."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from durable_research.experiments.evidence.evidence import ReportSeen, Seen
from durable_research.experiments.evidence.invariants import Verdict, bound

_EVIDENCE_SHOWN = 20


def account(command: str, seconds: float, seen: Seen, verdicts: Sequence[Verdict], empty: Sequence[str]) -> str:
    """Write the page."""
    held = all(verdict.held for verdict in verdicts)
    word = "VOID" if empty and held else "held" if held else "BROKEN"
    parts = [
        f"# Chaos campaign: {word}",
        f"`{command}`",
        *_other_words(seen),
        _figures(seen, seconds),
        "## Faults\n\nA fault counts when it happened and reports were in flight.\n\n" + _faults(seen),
        *_quirks(seen),
        "## Invariants\n\n" + _verdicts(verdicts),
        *_bound(seen),
        *_evidence(verdicts),
    ]
    if empty:
        parts.append("## Void\n\n" + _bullets(empty))
    return "\n\n".join(parts) + "\n"


def _other_words(seen: Seen) -> list[str]:
    words = [] if seen.noun == "report" else [f"Every *report* below is a {seen.noun}: it has its text, and no PDF."]
    if any(report.quirk and report.quirk.first for report in seen.reports):
        words.append("Every report had failed before the first fault; load and times are those of resuming it.")
    return words


def _figures(seen: Seen, seconds: float) -> str:
    ends = Counter(report.status or "no row" for report in seen.reports)
    took = sorted(report.seconds for report in seen.reports if report.seconds is not None)
    calls = sum(report.model_calls for report in seen.reports)
    extra = sum(report.reported.possible_extra for report in seen.reports if report.reported)
    rows = {
        "reports asked for, accepted": f"{seen.wanted}, {len(seen.reports)}",
        "ends": ", ".join(f"{count} {end}" for end, count in ends.most_common()),
        "ended as they should": str(sum(report.ended_as_expected for report in seen.reports)),
        "duration of load and faults": f"{seconds:.0f} s",
        "model calls billed, by the provider's log": f"{calls} ({calls / max(len(seen.reports), 1):.3f} a report)",
        "possible extra charges told": str(extra),
        "notifications received": str(sum(report.notifications for report in seen.reports)),
        "answered failures counted against caps": str(sum(report.counted_failures for report in seen.reports)),
        "answers of the API": ", ".join(f"{count} times {name}" for name, count in sorted(seen.answers.items())),
        "histories replayed; logs and histories searched": f"{seen.replayed}; {seen.searched}",
    }
    if resumptions := sum(report.resumptions for report in seen.reports):
        most = max(report.resumptions for report in seen.reports)
        rows["times resumed; most often one report"] = f"{resumptions}; {most}"
    if len(took) > 1:
        cuts = statistics.quantiles(took, n=20)
        rows["from asking to the end: median, 95 %, longest"] = f"{cuts[9]:.1f} s, {cuts[18]:.1f} s, {took[-1]:.1f} s"
    return "| | |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in rows.items())


def _faults(seen: Seen) -> str:
    happened = Counter((fault.role, fault.act) for fault in seen.fired if fault.happened)
    counted = Counter((fault.role, fault.act) for fault in seen.fired if fault.counts)
    lines = [
        f"| {role} | {act} | {planned} | {happened[role, act]} | {counted[role, act]} |"
        for (role, act), planned in sorted(seen.planned.items())
    ]
    return "\n".join(["| role | fault | planned | happened | counted |", "|---|---|---|---|---|", *lines])


def _quirks(seen: Seen) -> list[str]:
    """Each quirk of the provider: the expected outcome, and the observed one."""
    by_name: dict[str, list[ReportSeen]] = defaultdict(list)
    for report in seen.reports:
        if report.quirk:
            by_name[report.quirk.name].append(report)
    if not by_name:
        return []
    lines = [_quirk(name, reports) for name, reports in sorted(by_name.items())]
    head = ["| quirk | reports | must end | ended so | billed, by report | told |", "|---|---|---|---|---|---|"]
    words = "What the provider did to a report, one [quirk](quirks.md) each; bills are the provider's own, by its log."
    return [f"## Quirks\n\n{words}\n\n" + "\n".join([*head, *lines])]


def _quirk(name: str, reports: Sequence[ReportSeen]) -> str:
    wanted = reports[0].quirk
    ends = " or ".join(filter(None, (wanted.error or wanted.status, wanted.or_error))) if wanted else ""
    ends = f"{wanted.first}, then {ends}" if wanted and wanted.first else ends
    bills = Counter(report.model_calls for report in reports)
    billed = ", ".join(f"{count} times {calls}" for calls, count in sorted(bills.items()))
    reported = sum(report.reported.settled + report.reported.possible_extra for report in reports if report.reported)
    ended = sum(report.ended_as_expected for report in reports)
    return f"| {name} | {len(reports)} | {ends} | {ended} | {billed} | {reported} |"


def _verdicts(verdicts: Iterable[Verdict]) -> str:
    lines = [
        f"| {one.invariant.number} | {one.invariant.sentence} | {'held' if one.held else f'BROKEN, {len(one.against)} times'} |"
        for one in verdicts
    ]
    return "\n".join(["| | invariant | |", "|---|---|---|", *lines])


def _bound(seen: Seen) -> list[str]:
    rate = bound(seen)
    if rate is None:
        return []
    words = f"No report of {len(seen.reports)} was lost: the rate of lost reports is at most {rate:.2%} (95 %, 3/n)."
    return [words + " This is a bound for these faults on this machine, and no proof of never."]


def _evidence(verdicts: Iterable[Verdict]) -> list[str]:
    return [
        f"## Against {one.invariant.number}: {one.invariant.sentence}\n\n" + _bullets(one.against)
        for one in verdicts
        if not one.held
    ]


def _bullets(sentences: Sequence[str]) -> str:
    shown = [f"* {sentence}" for sentence in sentences[:_EVIDENCE_SHOWN]]
    more = len(sentences) - len(shown)
    return "\n".join(shown + ([f"* … and {more} more"] if more else []))
