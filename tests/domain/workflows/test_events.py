"""Every kind of event has one type, which takes whatever an earlier version wrote."""

from datetime import UTC, datetime
from typing import Any

import pytest

from durable_research.domain.workflows.events import PAYLOADS, AttemptFailed, EventKind, payload_of
from durable_research.domain.workflows.progress import ProgressEvent

# Rows as earlier versions wrote them, the hidden fields of each last.
ROWS: list[tuple[EventKind, dict[str, Any], dict[str, Any]]] = [
    (EventKind.ACCEPTED, {"title": "Tides", "begins_at": "2026-11-01T12:00:00+00:00"}, {}),
    (EventKind.ATTEMPT_STARTED, {"worker": "w@1", "undoes": True}, {"engine_run": "run", "engine_attempt": 2}),
    (EventKind.ATTEMPT_FAILED, {"counted": True, "final": False, "retry_in_seconds": 1, "error": {"code": "busy"}}, {}),
    (EventKind.APPROVAL_GIVEN, {"decision_id": "mine", "decision": "approve"}, {"commits": True}),
    (EventKind.CLOSED, {"status": "done", "pages": 3, "notified": ["log"]}, {"texts": {}, "to_store": {"a": 1}}),
    (EventKind.RESUMED, {"generation": 1, "accepted_charge": True}, {"key": "mine"}),
]


def test_every_event_kind_has_a_payload_type_without_required_fields() -> None:
    assert set(PAYLOADS) == set(EventKind)
    assert [kind for kind in EventKind if payload_of(kind, {}).stored() != {}] == []


# A row of each kind with all its fields, as releases before typed payloads wrote them.
TEXT = {"key": "default/report/a.md", "sha256": "a" * 64, "size_bytes": 9}
WRITTEN = {
    "text": TEXT,
    "model": "m",
    "provider": "p",
    "is_demo": False,
    "usage": {"input_tokens": 1, "output_tokens": 2, "is_estimate": False},
    "is_whole": True,
}
FAILURE = {"code": "rate_limited", "detail": "busy"}
WHOLE_ROWS: dict[EventKind, dict[str, Any]] = {
    EventKind.ACCEPTED: {"title": "Tides", "begins_at": "2026-11-01T12:00:00+00:00"},
    EventKind.ATTEMPT_STARTED: {"worker": "w@1", "engine_run": "run", "engine_attempt": 2, "undoes": True},
    EventKind.ATTEMPT_REATTACHED: {"worker": "w@1"},
    EventKind.CALL_SENT_AGAIN: {"possible_extra": 2},
    EventKind.PROVIDER_ANSWERED: {},
    EventKind.ATTEMPT_COMPLETED: {"left_out": "embeddings are off"},
    EventKind.ATTEMPT_FAILED: {
        "error": FAILURE,
        "counted": True,
        "final": False,
        "asks_a_person": True,
        "worker": "w@1",
        "retry_in_seconds": 1.5,
        "wait_left_seconds": 60.0,
    },
    EventKind.ATTEMPT_LOST: {"worker": None},
    EventKind.ATTEMPT_HANDED_BACK: {"worker": "w@1"},
    EventKind.ATTEMPT_CANCELLED: {"worker": "w@1"},
    EventKind.APPROVAL_ASKED: {
        "before": "before_notify",
        "expires_at": "2026-12-05T13:16:48.863005Z",
        "draft_sha256": "a" * 64,
        "verdicts": ["approve", "refuse"],
        "remind_at": "2026-11-29T00:00:00Z",
        "texts": {"draft": WRITTEN},
        "pdf": {"key": "default/report/b.pdf", "sha256": "b" * 64, "size_bytes": 9, "pages": 3},
    },
    EventKind.APPROVAL_REMINDED: {},
    EventKind.APPROVAL_GIVEN: {
        "decision_id": "mine",
        "decision": "edit",
        "draft_sha256": "a" * 64,
        "texts": {"edited": TEXT},
        "commits": True,
    },
    EventKind.APPROVAL_REFUSED: {"decision_id": "mine", "decision": "refuse", "draft_sha256": "a" * 64},
    EventKind.APPROVAL_EXPIRED: {"decision_id": "", "decision": "expire", "draft_sha256": "a" * 64},
    EventKind.CANCEL_REQUESTED: {},
    EventKind.CLOSED: {
        "status": "partly_done",
        "error": FAILURE,
        "skipped": {"send_notification": "cancelled"},
        "pages": 3,
        "notified": ["log"],
        "not_notified": [],
        "notification_error": FAILURE,
        "title": "Tides",
        "texts": {"text": WRITTEN},
        "to_store": {"report_id": "report-1"},
    },
    EventKind.STORED_LATER: {"status": "done"},
    EventKind.RESUMED: {
        "generation": 1,
        "accepted_charge": True,
        "key": "mine",
        "texts": {"corrected": WRITTEN},
    },
}


def test_a_row_of_each_kind_is_stored_again_as_it_was() -> None:
    assert set(WHOLE_ROWS) == set(EventKind)
    assert {kind: payload_of(kind, row).stored() for kind, row in WHOLE_ROWS.items()} == WHOLE_ROWS


@pytest.mark.parametrize(("kind", "shown", "hidden"), ROWS, ids=[kind for kind, _, _ in ROWS])
def test_an_event_row_keeps_unknown_fields_and_hides_internal_ones(
    kind: EventKind, shown: dict[str, Any], hidden: dict[str, Any]
) -> None:
    data = {**shown, **hidden, "of_a_newer_version": [1]}
    event = ProgressEvent("report-1", 1, datetime(2026, 11, 1, tzinfo=UTC), kind, "step", 1, data)

    assert event.payload.model_dump()["of_a_newer_version"] == [1]
    envelope = {"seq", "at", "kind", "step", "attempt"}
    assert event.as_json().keys() - envelope == {*shown, "of_a_newer_version"}


def test_a_failure_event_without_a_code_is_still_a_failure() -> None:
    failed = payload_of(EventKind.ATTEMPT_FAILED, {"error": {"detail": "empty"}})

    assert isinstance(failed, AttemptFailed)
    assert failed.error == {"code": "", "detail": "empty"}


def test_only_fields_that_were_set_are_stored() -> None:
    assert AttemptFailed(counted=True, worker="w@1").stored() == {"counted": True, "worker": "w@1"}
