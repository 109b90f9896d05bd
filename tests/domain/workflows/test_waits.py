"""A step's wait for its provider, by its events."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from durable_research.domain.shapes import FailureBody
from durable_research.domain.workflows.events import EventKind, payload_of
from durable_research.domain.workflows.progress import ProgressEvent
from durable_research.domain.workflows.waits import ProviderWait, ended_waiting, wait_after

START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
BUSY: FailureBody = {"code": "rate_limited", "detail": "busy"}
AWAY: FailureBody = {"code": "model_unavailable", "detail": "away"}
LOOKS_ON = {"error": BUSY, "wait_left_seconds": 60.0}

EventData = tuple[EventKind, dict[str, Any]]


def waiting(*event_data: EventData) -> ProviderWait | None:
    """The wait after these events, a second apart."""
    wait = None
    for second, (kind, data) in enumerate(event_data):
        wait = wait_after(wait, kind, START + timedelta(seconds=second), payload_of(kind, data))
    return wait


def test_a_wait_begins_with_the_first_busy_answer_and_counts_polls() -> None:
    wait = waiting(
        (EventKind.ATTEMPT_STARTED, {}),
        (EventKind.ATTEMPT_FAILED, LOOKS_ON),
        (EventKind.ATTEMPT_STARTED, {}),
        (EventKind.ATTEMPT_FAILED, {"error": AWAY, "wait_left_seconds": 30.0}),
    )

    assert wait == ProviderWait(START + timedelta(seconds=1), 2, START + timedelta(seconds=33), AWAY)


@pytest.mark.parametrize(
    ("looks", "hours", "words"),
    [
        (1, 1, "waits since 12:00 UTC, looked once, goes on until 13:00 UTC"),
        (7, 14, "waits since 12:00 UTC, looked 7 times, goes on until 2026-11-02 02:00 UTC"),
    ],
)
def test_a_wait_is_described_in_words(looks: int, hours: int, words: str) -> None:
    assert ProviderWait(START, looks, START + timedelta(hours=hours), BUSY).words == words


@pytest.mark.parametrize("kind", [EventKind.ATTEMPT_LOST, EventKind.ATTEMPT_HANDED_BACK, EventKind.ATTEMPT_STARTED])
def test_lost_drained_and_new_attempts_do_not_restart_a_wait(kind: EventKind) -> None:
    assert waiting((EventKind.ATTEMPT_FAILED, LOOKS_ON), (kind, {})) == waiting((EventKind.ATTEMPT_FAILED, LOOKS_ON))


def test_an_outage_of_our_own_database_does_not_restart_a_wait() -> None:
    outage = {"error": {"code": "dependency_unavailable", "detail": "db"}, "counted": False}
    wait = waiting((EventKind.ATTEMPT_FAILED, LOOKS_ON), (EventKind.ATTEMPT_FAILED, outage))

    assert wait is not None
    assert wait.polls == 1


@pytest.mark.parametrize(
    "other",
    [
        (EventKind.PROVIDER_ANSWERED, {}),
        (EventKind.ATTEMPT_COMPLETED, {}),
        (EventKind.ATTEMPT_FAILED, {"error": {"code": "empty_output", "detail": "none"}}),
        (EventKind.ATTEMPT_FAILED, {"error": BUSY, "wait_left_seconds": 0.0, "final": True, "asks_a_person": True}),
    ],
    ids=["answered", "done", "failed otherwise", "decision needed"],
)
def test_any_other_answer_of_the_provider_ends_a_wait(other: EventData) -> None:
    assert waiting((EventKind.ATTEMPT_FAILED, LOOKS_ON), other) is None


def test_a_worker_lost_after_the_end_of_a_wait_begins_no_new_wait() -> None:
    ended = {"error": BUSY, "wait_left_seconds": 0.0, "final": True}
    wait = waiting((EventKind.ATTEMPT_FAILED, LOOKS_ON), (EventKind.ATTEMPT_FAILED, ended))

    assert wait is not None
    assert (wait.since, wait.polls) == (START, 2)


def events(*event_data: EventData) -> list[ProgressEvent]:
    return [
        ProgressEvent("report-1", seq, START, kind, "llm_call", 1, data) for seq, (kind, data) in enumerate(event_data)
    ]


ENDED: EventData = (EventKind.ATTEMPT_FAILED, {"error": BUSY, "wait_left_seconds": 0.0, "final": True})


def test_an_attempt_that_ended_by_its_wait_leaves_the_accepted_call_running() -> None:
    assert ended_waiting(events((EventKind.ATTEMPT_FAILED, LOOKS_ON), ENDED))


@pytest.mark.parametrize(
    "other",
    [
        (EventKind.CANCEL_REQUESTED, {}),
        (EventKind.ATTEMPT_STARTED, {"undoes": True}),
        (EventKind.ATTEMPT_FAILED, {"error": {"code": "model_refused", "detail": "no"}, "final": True}),
        (EventKind.ATTEMPT_FAILED, ENDED[1] | {"asks_a_person": True}),
    ],
    ids=["cancelled", "undone", "failed otherwise", "given up by a person"],
)
def test_after_a_cancellation_undo_or_other_failure_no_call_is_left_running(other: EventData) -> None:
    assert not ended_waiting(events(ENDED, other))


def test_a_workflow_that_never_waited_did_not_end_by_a_wait() -> None:
    assert not ended_waiting(events((EventKind.ATTEMPT_STARTED, {})))
