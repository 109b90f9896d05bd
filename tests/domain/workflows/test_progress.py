from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from durable_research.domain.workflows.events import EventKind
from durable_research.domain.workflows.progress import ProgressEvent, StepState, steps_after

START = datetime(2026, 1, 1, tzinfo=UTC)
STEPS = ("llm_call", "create_pdf")


def event(seq: int, kind: EventKind, step: str = "llm_call", attempt: int = 1, **data: object) -> ProgressEvent:
    return ProgressEvent("report-1", seq, START + timedelta(seconds=seq), kind, step, attempt, data)


def test_without_events_all_steps_are_pending() -> None:
    assert [step.state for step in steps_after(STEPS, [])] == [StepState.PENDING, StepState.PENDING]


def test_a_lost_attempt_leaves_the_step_retrying_and_names_the_worker() -> None:
    events = [event(1, EventKind.ATTEMPT_STARTED, worker="w1"), event(2, EventKind.ATTEMPT_LOST, worker="w1")]

    step = steps_after(STEPS, events)[0]

    assert step.state is StepState.RETRYING
    assert step.last_error == {"code": "worker_lost", "detail": "w1 went away"}


def test_the_latest_attempt_decides_the_state_of_the_step() -> None:
    events = [
        event(1, EventKind.ATTEMPT_STARTED, worker="w1"),
        event(2, EventKind.ATTEMPT_LOST, worker="w1"),
        event(3, EventKind.ATTEMPT_STARTED, attempt=2, worker="w2"),
        event(4, EventKind.ATTEMPT_COMPLETED, attempt=2),
    ]

    step = steps_after(STEPS, events)[0]

    assert (step.state, step.attempt, step.worker) == (StepState.DONE, 2, "w2")
    assert (step.started_at, step.ended_at) == (START + timedelta(seconds=1), START + timedelta(seconds=4))


def test_a_final_failure_fails_the_step() -> None:
    events = [
        event(1, EventKind.ATTEMPT_STARTED, worker="w1"),
        event(2, EventKind.ATTEMPT_FAILED, final=True, error={"code": "model_refused", "detail": "no"}),
    ]

    step = steps_after(STEPS, events)[0]

    assert (step.state, step.last_error) == (StepState.FAILED, {"code": "model_refused", "detail": "no"})


def test_a_cancelled_workflow_leaves_no_step_running() -> None:
    events = [
        event(1, EventKind.ATTEMPT_STARTED, worker="w1"),
        ProgressEvent("report-1", 2, START, EventKind.CLOSED, data={"status": "cancelled"}),
    ]

    assert steps_after(STEPS, events)[0].state is StepState.CANCELLED


def test_the_start_of_an_undo_cancels_a_retrying_step() -> None:
    events = [
        event(1, EventKind.ATTEMPT_STARTED, worker="w1"),
        event(2, EventKind.ATTEMPT_LOST, worker="w1"),
        event(3, EventKind.ATTEMPT_STARTED, step="delete_post", worker="w2", undoes=True),
    ]

    lost, _, undo = steps_after(STEPS, events)

    assert (lost.state, lost.ended_at) == (StepState.CANCELLED, START + timedelta(seconds=3))
    assert undo.state is StepState.RUNNING


def test_a_step_that_was_left_out_shows_its_reason() -> None:
    events = [
        event(1, EventKind.ATTEMPT_STARTED, worker="w1"),
        event(2, EventKind.ATTEMPT_COMPLETED, left_out="embeddings are off"),
    ]

    step = steps_after(STEPS, events)[0]

    assert (step.state, step.left_out) == (StepState.LEFT_OUT, "embeddings are off")


DECISION_NEEDED = [
    event(1, EventKind.ATTEMPT_STARTED, worker="w1"),
    event(2, EventKind.ATTEMPT_FAILED, final=True, asks_a_person=True),
]


@pytest.mark.parametrize(
    ("then", "state"),
    [
        (event(3, EventKind.ATTEMPT_STARTED, step="create_pdf"), StepState.LEFT_OUT),
        (event(3, EventKind.CLOSED, step="", attempt=0, status="done"), StepState.LEFT_OUT),
        (event(3, EventKind.CLOSED, step="", attempt=0, status="failed"), StepState.CANCELLED),
        (event(3, EventKind.ATTEMPT_STARTED, step="delete_post", undoes=True), StepState.CANCELLED),
        (event(3, EventKind.ATTEMPT_STARTED, attempt=2), StepState.RUNNING),
    ],
    ids=["the next step", "a good end", "a bad end", "an undo", "another try"],
)
def test_the_state_of_a_step_that_waited_for_a_decision_follows_from_the_next_event(
    then: ProgressEvent, state: StepState
) -> None:
    assert steps_after(STEPS, [*DECISION_NEEDED, then])[0].state is state


def test_an_attempt_of_an_earlier_step_leaves_the_waiting_step_waiting() -> None:
    """A workflow that Temporal lost runs again from its beginning."""
    earlier_step = [replace(one, step="create_pdf") for one in DECISION_NEEDED]

    steps = steps_after(STEPS, [*earlier_step, event(3, EventKind.ATTEMPT_STARTED, attempt=2)])

    assert steps[1].state is StepState.WAITING


def test_an_event_is_serialised_to_the_same_bytes_every_time() -> None:
    one = event(1, EventKind.ATTEMPT_STARTED, worker="w1")

    assert one.as_json() == {
        "seq": 1,
        "at": "2026-01-01T00:00:01+00:00",
        "kind": "attempt_started",
        "step": "llm_call",
        "attempt": 1,
        "worker": "w1",
    }


@pytest.mark.parametrize(("replaces", "state"), [(True, StepState.LEFT_OUT), (False, StepState.PENDING)])
def test_a_step_whose_text_a_person_replaced_is_left_out_for_readers_of_the_api_too(
    replaces: bool, state: StepState
) -> None:
    failed = event(2, EventKind.ATTEMPT_FAILED, final=True, error={"code": "model_stopped", "detail": "stopped"})
    more = {"replaces_text": True} if replaces else {}
    resumed = event(3, EventKind.RESUMED, "", 1, generation=0, **more)

    # What the API sends of the event has no hidden fields.
    assert resumed.as_json().get("replaces_text", False) is replaces
    assert steps_after(STEPS, [event(1, EventKind.ATTEMPT_STARTED), failed, resumed])[0].state is state
