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
