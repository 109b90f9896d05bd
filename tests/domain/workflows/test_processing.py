"""The time that a workflow was worked on, without the times in which it slept or a person was asked."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from durable_research.domain.workflows.events import EventKind
from durable_research.domain.workflows.processing import processing_time
from durable_research.domain.workflows.progress import ProgressEvent

START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
ACCEPTED: "Row" = (0, EventKind.ACCEPTED, "", {})
BEGUN: "Row" = (1, EventKind.ATTEMPT_STARTED, "llm_call", {})
ASKS = {"asks_a_person": True, "final": True}
Row = tuple[int, EventKind, str, dict[str, Any]]


@pytest.mark.parametrize(
    ("rows", "seconds"),
    [
        pytest.param([ACCEPTED, BEGUN], 100, id="all of it"),
        pytest.param([(0, EventKind.ACCEPTED, "", {"begins_at": "2026-11-01T12:01:00+00:00"})], 40, id="a set start"),
        pytest.param(
            [ACCEPTED, BEGUN, (10, EventKind.APPROVAL_ASKED, "", {}), (30, EventKind.APPROVAL_REMINDED, "", {}),
             (70, EventKind.APPROVAL_GIVEN, "", {})],
            40,
            id="an approval",
        ),
        pytest.param(
            [ACCEPTED, BEGUN, (10, EventKind.APPROVAL_ASKED, "", {}), (90, EventKind.APPROVAL_EXPIRED, "", {})],
            20,
            id="an approval that nobody gave",
        ),
        pytest.param(
            [ACCEPTED, BEGUN, (10, EventKind.ATTEMPT_FAILED, "llm_call", ASKS),
             (50, EventKind.ATTEMPT_STARTED, "llm_call", {})],
            60,
            id="a decision",
        ),
        pytest.param(
            [ACCEPTED, BEGUN, (10, EventKind.ATTEMPT_FAILED, "llm_call", ASKS), (30, EventKind.CANCEL_REQUESTED, "", {})],
            80,
            id="a question that a cancellation ended",
        ),
        pytest.param(
            [ACCEPTED, BEGUN, (10, EventKind.APPROVAL_ASKED, "", {})], 10, id="a question that was never answered"
        ),
        pytest.param(
            [ACCEPTED, BEGUN, (20, EventKind.CLOSED, "", {"status": "failed"}), (80, EventKind.RESUMED, "", {})],
            20,
            id="a resumption",
        ),
        pytest.param([ACCEPTED, BEGUN, (10, EventKind.ATTEMPT_FAILED, "llm_call", {"counted": True})], 100, id="a retry"),
    ],
)  # fmt: skip
def test_only_work_counts(rows: list[Row], seconds: float) -> None:
    events = [
        ProgressEvent("report-1", seq, START + timedelta(seconds=at), kind, step, 1 if step else 0, data)
        for seq, (at, kind, step, data) in enumerate(rows, 1)
    ]

    assert processing_time(events, START + timedelta(seconds=100)) == timedelta(seconds=seconds)
