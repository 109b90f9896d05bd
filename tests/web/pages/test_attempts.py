"""The rows of a page's table of attempts: a wait for a provider is one of them, whatever happens meanwhile."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from durable_research.domain.workflows.events import EventKind
from durable_research.domain.workflows.progress import ProgressEvent
from durable_research.web.pages.attempts import attempt_lines

START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
STARTED, FAILED, LOST = EventKind.ATTEMPT_STARTED, EventKind.ATTEMPT_FAILED, EventKind.ATTEMPT_LOST
BUSY = {"error": {"code": "rate_limited", "detail": "busy"}, "wait_left_seconds": 600.0}

EventRow = tuple[int, EventKind, dict[str, Any]]


def rows(*event_rows: EventRow) -> list[tuple[str, str, str]]:
    """Attempts, colour and words of each row after these events of one step, a minute apart."""
    events = [
        ProgressEvent(
            "report-1", seq, START + timedelta(minutes=seq), kind, "llm_call" if attempt else "", attempt, data
        )
        for seq, (attempt, kind, data) in enumerate(event_rows)
    ]
    return [(line.numbers, line.css_class, "; ".join([*line.notes, line.outcome])) for line in attempt_lines(events)]


def poll(attempt: int) -> tuple[EventRow, EventRow]:
    return (attempt, STARTED, {"worker": "w1"}), (attempt, FAILED, BUSY)


def test_the_polls_of_a_wait_are_one_row() -> None:
    assert rows(*poll(1), *poll(2), *poll(3)) == [
        ("1 to 3", "waiting", "waits since 12:01 UTC, looked 3 times, goes on until 12:15 UTC: busy")
    ]


def test_a_running_poll_adds_no_row() -> None:
    assert rows(*poll(1), (2, STARTED, {})) == rows(*poll(1))


def test_the_attempt_that_gets_the_answer_has_its_own_row() -> None:
    assert rows(*poll(1), *poll(2), (3, STARTED, {}), (3, EventKind.PROVIDER_ANSWERED, {})) == [
        ("1 to 2", "lost", "waited since 12:01 UTC, looked 2 times: busy"),
        ("3", "running", "the provider answers again; running"),
    ]


def test_a_worker_lost_during_a_wait_has_its_own_row_and_the_wait_continues() -> None:
    assert rows(*poll(1), (2, STARTED, {}), (2, LOST, {}), *poll(3)) == [
        ("1 to 3", "waiting", "waits since 12:01 UTC, looked 2 times, goes on until 12:15 UTC: busy"),
        ("2", "lost", "lost, its worker went away"),
    ]


def test_a_poll_with_another_event_has_its_own_row_too() -> None:
    again = (2, EventKind.CALL_SENT_AGAIN, {"possible_extra": 1})

    assert rows(*poll(1), (2, STARTED, {}), again, (2, FAILED, BUSY)) == [
        ("1 to 2", "waiting", "waits since 12:01 UTC, looked 2 times, goes on until 12:14 UTC: busy"),
        ("2", "failed", "sends the call again: 1 earlier may have been charged; failed: busy"),
    ]


def test_the_attempt_that_ended_a_wait_has_its_own_row() -> None:
    ended = {"error": {"detail": "busy; waited for 1:00:00"}, "wait_left_seconds": 0.0, "final": True}

    assert rows(*poll(1), (2, STARTED, {}), (2, FAILED, ended)) == [
        ("1", "lost", "waited since 12:01 UTC, looked once: busy"),
        ("2", "failed", "failed: busy; waited for 1:00:00"),
    ]


@pytest.mark.parametrize("end", [(0, EventKind.CLOSED, {"status": "cancelled"}), (4, STARTED, {"undoes": True})])
def test_a_wait_is_over_after_the_end_or_the_first_undo(end: EventRow) -> None:
    assert rows(*poll(1), end)[0] == ("1", "lost", "waited since 12:01 UTC, looked once: busy")


def test_a_second_wait_of_a_step_is_a_second_row() -> None:
    answered: EventRow = (2, EventKind.PROVIDER_ANSWERED, {})

    found = rows(*poll(1), (2, STARTED, {}), answered, (2, LOST, {}), *poll(3), *poll(4))

    assert [numbers for numbers, *_ in found] == ["1", "2", "3 to 4"]


def test_failures_that_are_no_polls_have_their_own_rows() -> None:
    failed = {"error": {"detail": "empty"}, "counted": True}

    assert [one[2] for one in rows((1, STARTED, {}), (1, FAILED, failed), (2, STARTED, {}))] == [
        "failed: empty",
        "running",
    ]
