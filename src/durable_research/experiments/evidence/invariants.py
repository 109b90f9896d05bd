"""The checker of a campaign: the invariants after the faults. Pure: tests pass it evidence that breaks each rule."""

from collections.abc import Callable
from dataclasses import dataclass

from durable_research.domain.workflows.workflow import FINAL
from durable_research.experiments.evidence.evidence import WITH_RESULT, Evidence, ReportEvidence

# With fewer, the campaign shows that little works rather than that nothing breaks.
LEAST_SHARE_DONE = 0.9
# Zero failures in n trials bound the rate to 3/n with 95 % confidence (the rule of three).
RULE_OF_THREE = 3
# For providers that cannot be polled: the caps on sends of unknown outcome, and on answers that were broken off.
UNKNOWN_SENDS_ALLOWED = 1
CUT_ANSWERS_ALLOWED = 3
# The errors with which a report may fail there when too many calls were lost.
LOST_CALL_ERRORS = frozenset({"unconfirmed_effect", "ambiguous_send", "answer_lost", "provider_silent"})


@dataclass(frozen=True)
class Invariant:
    """One rule; `broken` returns a sentence for each piece of evidence against it."""

    number: str
    sentence: str
    broken: Callable[[Evidence], list[str]]


@dataclass(frozen=True)
class CheckResult:
    """The checker's result for one rule."""

    invariant: Invariant
    against: tuple[str, ...]

    @property
    def held(self) -> bool:
        """Whether no evidence is against it."""
        return not self.against


def check_invariants(evidence: Evidence) -> list[CheckResult]:
    """Check all evidence against all rules."""
    return [CheckResult(rule, tuple(rule.broken(evidence))) for rule in INVARIANTS]


def void_reasons(evidence: Evidence) -> list[str]:
    """I14: why the campaign proves nothing, in sentences; empty when it does."""
    ended = sum(report.ended_as_expected for report in evidence.reports)
    reasons = []
    if ended < LEAST_SHARE_DONE * evidence.requested:
        reasons.append(f"only {ended} of {evidence.requested} reports ended as they should")
    for (role, act), planned in sorted(evidence.planned.items()):
        counted = sum(fault.counts for fault in evidence.fired if (fault.role, fault.act) == (role, act))
        if counted < planned:
            reasons.append(f"{act} of {role} counted {counted} times, not {planned}")
    if not evidence.replayed:
        reasons.append("no history was replayed")
    if not evidence.searched:
        reasons.append("nothing was searched for secrets")
    return reasons


def lost_rate_bound(evidence: Evidence) -> float | None:
    """The highest rate of lost reports that this campaign still allows, at 95 %; None when one was lost."""
    lost = sum(report.status not in FINAL for report in evidence.reports)
    return None if lost or not evidence.reports else RULE_OF_THREE / len(evidence.reports)


def _each(evidence: Evidence, wrong: Callable[[ReportEvidence], str | None]) -> list[str]:
    found = ((report, wrong(report)) for report in evidence.reports)
    return [f"{report.report_id}: {sentence}" for report, sentence in found if sentence]


def _ended(report: ReportEvidence) -> str | None:
    if report.status not in FINAL:
        return f"never ended; it is {report.status or 'not in the table'}"
    if report.engine_status in {None, "running"}:
        return f"{report.status} here and {report.engine_status or 'unknown'} in Temporal"
    ends = [one.resumption for one in report.closings]
    expected = list(range(report.resumptions + 1))
    return None if ends == expected else f"was resumed {report.resumptions} times and has the ends {ends}"


def _accounted(evidence: Evidence) -> list[str]:
    ids = [report.report_id for report in evidence.reports]
    twice = sorted({one for one in ids if ids.count(one) > 1}) if len(set(ids)) < len(ids) else []
    found = [f"{one}: given to two clients" for one in twice]
    found += [f"{one}: in the table, and no client was given it" for one in evidence.unknown_rows]
    if len(evidence.reports) != evidence.requested:
        found.append(f"{evidence.requested} were asked for and {len(evidence.reports)} accepted")
    return found


def _charged(evidence: Evidence) -> list[str]:
    return _each(evidence, lambda report: mischarged(report, _most_calls(report, evidence)))


def _most_calls(report: ReportEvidence, evidence: Evidence) -> int:
    """How often it may be billed: by its quirk, plus once for each lost call at a provider that cannot be polled."""
    expected = report.quirk.billed if report.quirk else 1
    return expected + (_lost_calls(evidence) if expected else 0)


def _lost_calls(evidence: Evidence) -> int:
    """How many calls of one report may be lost: the cap on sends of unknown outcome, and on answers broken off."""
    if evidence.provider_class != "N":
        return 0
    return UNKNOWN_SENDS_ALLOWED + (CUT_ANSWERS_ALLOWED if evidence.provider_was_hit else 0)


def mischarged(report: ReportEvidence, most: int) -> str | None:
    """Why the provider's bill differs from the promise or the reported charges; `most` is the most bills of this report."""
    if report.reported is None:
        return "tells no charges"
    reported = report.reported.settled + report.reported.possible_extra
    if report.model_calls > reported:
        return f"billed {report.model_calls} times and tells {reported}"
    if report.reported.settled > report.model_calls:
        return f"tells {report.reported.settled} charges and was billed {report.model_calls} times"
    # The failed call is billed as often as without a resume: resuming adds only the charge that was agreed to.
    least = report.quirk.billed if report.quirk and report.quirk.first else int(report.status in WITH_RESULT)
    if not least <= report.model_calls <= most:
        return f"billed {report.model_calls} times; possible extra charges: {report.reported.possible_extra}"
    return None


def _notified(report: ReportEvidence) -> str | None:
    expected = int(report.status in WITH_RESULT)
    return misreported(report, expected, expected) or _failure_misreported(report)


def misreported(report: ReportEvidence, least: int, most: int) -> str | None:
    """Why the receiver got fewer messages than promised, or more than are in the ledger."""
    if not least <= report.notifications <= most:
        return f"{report.status} and told {report.notifications} times"
    if report.notifications > report.known_notifications:
        return f"told {report.notifications} times, and the ledger knows {report.known_notifications}"
    return None


def _failure_misreported(report: ReportEvidence) -> str | None:
    """Why the failure notices are too few or too many: they are sent after the end, and a resumption meanwhile stops them."""
    failures = sum(one.status == "failed" for one in report.closings)
    if int(report.status == "failed") <= report.failure_notices <= failures:
        return None
    return f"failed {failures} times and told so {report.failure_notices} times"


def _documented(report: ReportEvidence) -> str | None:
    if report.status != "done":
        return None
    if report.documents is None:
        return "done, and has no row of a report"
    broken = [one.key for one in report.documents if not (one.is_intact and one.is_readable)]
    return f"damaged or missing: {', '.join(broken)}" if broken or not report.documents else None


def _left_nothing(report: ReportEvidence) -> str | None:
    if report.status in FINAL - WITH_RESULT and (report.documents is not None or report.notifications):
        return f"{report.status}, and left a row or a notification behind"
    return None


def _closed(report: ReportEvidence) -> str | None:
    if not report.engine_started and report.status not in FINAL:
        return "accepted, and never given to Temporal"
    if report.open_sends:
        return f"{report.open_sends} sends are still open"
    return f"{report.open_attempts} attempts are still open" if report.open_attempts else None


def _gapless(report: ReportEvidence) -> str | None:
    for name, numbers in (("log", report.event_numbers), ("stream", report.streamed_numbers)):
        if numbers is not None and numbers != tuple(range(1, len(numbers) + 1)):
            return f"the {name} has a gap or a repeat: {numbers}"
    if report.streamed_numbers is not None and len(report.streamed_numbers) < len(report.event_numbers):
        return f"the stream ended after {len(report.streamed_numbers)} of {len(report.event_numbers)} events"
    return None


def _uncapped(report: ReportEvidence, cut_answers: int = 0, *, receiver_was_hit: bool = False) -> str | None:
    if report.quirk is None and report.status in {"failed", "partly_done"} and not cut_answers:
        return f"{report.status}, though nobody outside ever said no"
    if report.quirk is not None and report.quirk.status == "failed":
        return None  # it was to fail, and fails again when its worker dies before Temporal receives the failure
    most = cut_answers + (report.quirk.most_counted if report.quirk else 0)
    counted = report.counted_failures + (0 if receiver_was_hit else report.counted_messages)
    return f"{counted} failures count against a cap, though nobody outside said no so often" if counted > most else None


def _all_uncapped(evidence: Evidence) -> list[str]:
    # The provider's process receives the notifications, too.
    hit = evidence.provider_was_hit
    return _each(evidence, lambda report: _uncapped(report, _lost_calls(evidence), receiver_was_hit=hit))


def _as_expected(evidence: Evidence) -> list[str]:
    gave_up = LOST_CALL_ERRORS if evidence.provider_class == "N" else frozenset()
    return _each(evidence, lambda report: None if report.error in gave_up else _unexpected(report))


def _unexpected(report: ReportEvidence) -> str | None:
    first = report.closings[0] if report.closings else None
    if report.quirk and report.quirk.first and (first is None or first.error != report.quirk.first):
        return f"ended by {first} at first instead of {report.quirk.first} ({report.quirk.name})"
    if report.ended_as_expected or report.status not in FINAL:
        return None
    quirk = report.quirk
    expected = f"{quirk.status} {quirk.error or ''}".strip() if quirk else "done"
    actual = f"{report.status} {report.error or ''}".strip()
    return f"{actual} instead of {expected} ({quirk.name if quirk else 'nothing odd'})"


INVARIANTS = (
    Invariant(
        "I1",
        "an accepted report reaches one end, and one each time it is resumed",
        lambda evidence: _each(evidence, _ended),
    ),
    Invariant("I2", "what was asked for, what was accepted and what is in the table are the same", _accounted),
    Invariant(
        "I3",
        "a report is billed once, or as its quirk has it (class N: and for each lost call), and no more often than it tells",
        lambda evidence: (
            _charged(evidence) + [f"{one}: billed, and no report explains it" for one in evidence.unexplained_calls]
        ),
    ),
    Invariant(
        "I4",
        "each report with a result is told once, and each failure as one",
        lambda evidence: _each(evidence, _notified),
    ),
    Invariant(
        "I5", "each done report has its PDF and text, whole and its own", lambda evidence: _each(evidence, _documented)
    ),
    Invariant("I6", "no object without an owner", lambda evidence: list(evidence.orphans)),
    Invariant(
        "I7", "a report that ended without a result left nothing", lambda evidence: _each(evidence, _left_nothing)
    ),
    Invariant("I8", "no send, attempt or start is left open", lambda evidence: _each(evidence, _closed)),
    Invariant("I9", "log and live stream count 1..n without gap or repeat", lambda evidence: _each(evidence, _gapless)),
    Invariant(
        "I10", "the API answers what its documents say, and no 500", lambda evidence: list(evidence.undocumented)
    ),
    Invariant("I12", "histories replay with today's code", lambda evidence: list(evidence.not_replayable)),
    Invariant("I13", "no secret and no prompt in logs and histories", lambda evidence: list(evidence.leaks)),
    Invariant("I15", "no fault of ours counts against a cap", _all_uncapped),
    Invariant("I16", "each report ends as its provider's quirk has it end, done where there was none", _as_expected),
)

# The rules for each single report, except its bill and its messages.
Rule = Callable[[ReportEvidence], str | None]
RULES_OF_A_FAILED_REPORT: tuple[Rule, ...] = (_ended, _left_nothing, _closed, _gapless)
REPORT_RULES: tuple[Rule, ...] = (*RULES_OF_A_FAILED_REPORT, _documented, _uncapped)
