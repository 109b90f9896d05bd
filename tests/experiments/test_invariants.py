"""The checker accepts a correct campaign, and finds each broken invariant."""

from dataclasses import replace
from typing import Any

import pytest

from durable_research.experiments.evidence.evidence import Closing, Document, Evidence, FiredFault, ReportedCharges
from durable_research.experiments.evidence.invariants import INVARIANTS, check_invariants, lost_rate_bound, void_reasons
from durable_research.experiments.evidence.quirks import Expected
from tests.experiments.evidence import GOOD, WELL, with_report

DAMAGED = (Document("default/documents/b.pdf", is_intact=False, is_readable=True),)
OF_ANOTHER = (Document("default/texts/a.md", is_intact=True, is_readable=False),)

FAILED = Closing(status="failed", error="quota_exhausted")
NO_MONEY = Expected("no_money", (), status="failed", error="quota_exhausted", billed=0)
TWO_CALLS = Expected("same_id", (), billed=2, counted=1)
REFUSED: dict[str, Any] = {
    "status": "failed",
    "error": "quota_exhausted",
    "quirk": NO_MONEY,
    "model_calls": 0,
    "reported": ReportedCharges(0, 0),
    "documents": None,
    "notifications": 0,
    "counted_failures": 1,
    "closings": (FAILED,),
    "failure_notices": 1,
}
RESUMED: dict[str, Any] = {
    "quirk": Expected("no_money, at first", (), first="quota_exhausted"),
    "closings": (FAILED, Closing(1)),
    "resumptions": 1,
    "failure_notices": 1,
}

# A change that breaks a correct campaign -> the one invariant that must report it.
BROKEN = {
    "a report that never ended": ("I1", with_report(status="running", notifications=0)),
    "a report without a row": ("I1", with_report(status=None, notifications=0)),
    "a workflow that runs on in Temporal": ("I1", with_report(engine_status="running")),
    "a workflow that Temporal forgot": ("I1", with_report(engine_status=None)),
    "a report with two ends": ("I1", with_report(closings=(Closing(), Closing()))),
    "a resumption without an end": ("I1", with_report(closings=(FAILED,), resumptions=1)),
    "a failure that was notified twice": (
        "I4",
        with_report(closings=(FAILED, Closing(1)), resumptions=1, failure_notices=2),
    ),
    "a failure without a notification": ("I4", with_report(**REFUSED | {"failure_notices": 0})),
    "a workflow that was never requested": ("I2", replace(WELL, unknown_rows=("report-9",))),
    "a request that was never accepted": ("I2", replace(WELL, requested=3)),
    "one report for two requests": ("I2", replace(WELL, reports=(GOOD, GOOD))),
    "a second charge that is not reported": ("I3", with_report(model_calls=2)),
    "a second charge that is reported as settled": ("I3", with_report(model_calls=2, reported=ReportedCharges(2, 0))),
    "a report that was never billed": ("I3", with_report(model_calls=0, reported=ReportedCharges(0, 0))),
    "a charge that was never billed": ("I3", with_report(model_calls=1, reported=ReportedCharges(2, 0))),
    "an API that reports no charges": ("I3", with_report(reported=None)),
    "a charge that no report explains": ("I3", replace(WELL, unexplained_calls=("resp_1",))),
    "a report that was never notified": ("I4", with_report(notifications=0)),
    "a report that was notified twice": ("I4", with_report(notifications=2)),
    "a message that is not in the ledger": ("I4", with_report(known_notifications=0)),
    "a cancelled report that was notified": ("I4", with_report(status="cancelled", notifications=1, documents=None)),
    "a done report without a row": ("I5", with_report(documents=None)),
    "a damaged PDF": ("I5", with_report(documents=DAMAGED)),
    "the text of another report": ("I5", with_report(documents=OF_ANOTHER)),
    "an object without an owner": ("I6", replace(WELL, orphans=("default/texts/z.md",))),
    "a cancelled report that left a row": ("I7", with_report(status="cancelled", notifications=0)),
    "an open send": ("I8", with_report(open_sends=1)),
    "an open attempt": ("I8", with_report(open_attempts=1)),
    "an accepted report never started": ("I8", with_report(status="queued", engine_started=False)),
    "a gap in the log": ("I9", with_report(event_numbers=(1, 3))),
    "a repeat in the stream": ("I9", with_report(streamed_numbers=(1, 2, 2, 3))),
    "a stream that ended early": ("I9", with_report(streamed_numbers=(1, 2))),
    "an answer that is not documented": ("I10", replace(WELL, undocumented=("HTTP 500",))),
    "a history that does not replay": ("I12", replace(WELL, not_replayable=("report-1",))),
    "a prompt in a log": ("I13", replace(WELL, leaks=("worker-1.log holds a prompt",))),
    "a report left partly done by injected faults": ("I15", with_report(status="partly_done")),
    "injected faults that use up a cap": ("I15", with_report(counted_failures=1)),
    "injected faults that use up a message's cap": ("I15", with_report(counted_messages=1)),
    "a report that is done and should be refused": ("I16", with_report(quirk=NO_MONEY)),
    "a report that fails with another error than expected": (
        "I16",
        with_report(**REFUSED | {"error": "model_refused"}),
    ),
    "a report that should be done and failed": ("I16", with_report(**REFUSED | {"quirk": TWO_CALLS})),
    "a refusal that was billed": ("I3", with_report(**REFUSED | {"model_calls": 1, "reported": ReportedCharges(1, 0)})),
    "a resumption that was paid for": (
        "I3",
        with_report(**RESUMED | {"model_calls": 2, "reported": ReportedCharges(2, 0)}),
    ),
    "an accepted charge that was not made": (
        "I3",
        with_report(**RESUMED | {"quirk": Expected("empty", (), billed=3, first="quota_exhausted")}),
    ),
    "a report whose first failure was another than expected": (
        "I16",
        with_report(**RESUMED | {"closings": (Closing(), Closing(1))}),
    ),
    "an answer with a quirk that counts too often": ("I15", with_report(quirk=TWO_CALLS, counted_failures=2)),
}


def broken(seen: Evidence) -> set[str]:
    return {verdict.invariant.number for verdict in check_invariants(seen) if not verdict.held}


def test_a_correct_campaign_breaks_no_invariant() -> None:
    assert broken(WELL) == set()
    assert void_reasons(WELL) == []


@pytest.mark.parametrize("fact", BROKEN)
def test_the_checker_finds_each_broken_invariant(fact: str) -> None:
    number, seen = BROKEN[fact]

    assert number in broken(seen)


def test_every_invariant_has_a_broken_example() -> None:
    assert {number for number, _ in BROKEN.values()} == {rule.number for rule in INVARIANTS}


def test_a_counted_second_charge_is_allowed_in_class_n_only() -> None:
    twice = with_report(model_calls=2, reported=ReportedCharges(1, 1))

    assert broken(replace(twice, provider_class="N")) == set()
    assert broken(twice) == {"I3"}


def test_a_third_charge_is_never_allowed() -> None:
    assert broken(replace(with_report(model_calls=3, reported=ReportedCharges(1, 2)), provider_class="N")) == {"I3"}


def test_a_report_that_ends_as_its_quirk_expects_is_correct() -> None:
    twice = with_report(quirk=TWO_CALLS, model_calls=2, reported=ReportedCharges(2, 0), counted_failures=1)

    assert broken(with_report(**REFUSED)) == set()
    assert void_reasons(with_report(**REFUSED)) == []
    assert broken(twice) == set()


def test_a_resumed_report_without_an_unaccepted_charge_is_correct() -> None:
    assert broken(with_report(**RESUMED)) == set()


def test_a_report_that_must_fail_may_report_its_failure_again_after_a_crash() -> None:
    assert broken(with_report(**REFUSED | {"counted_failures": 2})) == set()


def test_in_class_n_answers_broken_by_a_killed_provider_may_be_bought_again() -> None:
    often = with_report(model_calls=4, reported=ReportedCharges(4, 0), counted_failures=3)
    hit = replace(often, planned={**WELL.planned, ("simulator", "kill"): 1})

    assert broken(replace(hit, provider_class="N")) == set()
    assert broken(replace(often, provider_class="N")) == {"I3", "I15"}
    assert broken(hit) == {"I3", "I15"}


def test_a_killed_receiver_may_refuse_a_message() -> None:
    refused = with_report(counted_messages=1)

    assert broken(replace(refused, planned={("simulator", "kill"): 1})) == set()
    assert broken(replace(refused, planned={("worker", "kill"): 1})) == {"I15"}


def test_a_possible_extra_charge_that_was_not_billed_is_allowed() -> None:
    assert broken(with_report(model_calls=1, reported=ReportedCharges(1, 1))) == set()


@pytest.mark.parametrize(
    "seen",
    [
        with_report(status="failed"),
        replace(WELL, fired=()),
        replace(WELL, fired=(FiredFault("worker", "kill", in_flight=0, happened=True),)),
        replace(WELL, fired=(FiredFault("worker", "kill", in_flight=2, happened=False),)),
        replace(WELL, fired=(FiredFault("worker", "pause", in_flight=2, happened=True),)),
        replace(WELL, replayed=0),
        replace(WELL, searched=0),
    ],
    ids=[
        "little done",
        "no fault",
        "nothing in flight",
        "it did not happen",
        "another fault",
        "no replay",
        "no search",
    ],
)
def test_a_campaign_that_proves_nothing_is_void(seen: Evidence) -> None:
    assert void_reasons(seen)


def test_zero_losses_in_n_bound_the_rate_to_three_in_n() -> None:
    assert lost_rate_bound(WELL) == 3 / 2
    assert lost_rate_bound(with_report(status="running")) is None
