"""The progress log: the events that pages, CLI and API follow, and each step's state after them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from itertools import takewhile
from typing import Any

from durable_research.domain.shapes import FailureBody
from durable_research.domain.workflows.events import (
    ENDS_OF_APPROVAL,
    ENDS_OF_ATTEMPT,
    PAYLOADS,
    AttemptCompleted,
    AttemptFailed,
    AttemptStarted,
    Closed,
    EventKind,
    OfWorker,
    Payload,
    ResumedWith,
    payload_of,
)
from durable_research.domain.workflows.workflow import Status


@dataclass(frozen=True)
class ProgressEvent:
    """One line of the log; `seq` counts from 1 without gaps within a workflow."""

    workflow_id: str
    seq: int
    at: datetime
    kind: EventKind
    step: str = ""
    attempt: int = 0
    data: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def payload(self) -> Payload:
        """The data, typed by the event's kind."""
        return payload_of(self.kind, self.data)

    @property
    def is_undo(self) -> bool:
        """Whether an undo begins; from the first one on the workflow is being compensated."""
        return isinstance(self.payload, AttemptStarted) and self.payload.undoes

    @property
    def asks_a_person(self) -> bool:
        """Whether a step's attempt stopped for a person to decide."""
        return isinstance(self.payload, AttemptFailed) and self.payload.asks_a_person

    def as_json(self) -> dict[str, Any]:
        """The event for API and pages; a pure function of the stored row, so a re-read gives the same bytes."""
        body: dict[str, Any] = {"seq": self.seq, "at": self.at.isoformat(), "kind": str(self.kind)}
        if self.step:
            body |= {"step": self.step, "attempt": self.attempt}
        elif self.attempt:
            body["resumption"] = self.attempt
        hidden = PAYLOADS[self.kind].hidden()
        return body | {name: value for name, value in self.data.items() if name not in hidden}


# The number of an attempt that the log does not record: the ledger numbers its effects.
NUMBERED_BY_LEDGER = 0


@dataclass(frozen=True)
class LostAttempt:
    """An attempt that its worker left open; nobody knows when that died, but at `found_at` it had."""

    step: str
    number: int
    worker: str
    began_at: datetime
    found_at: datetime


@dataclass(frozen=True)
class Attempt:
    """One try of one step by one worker. Numbers are ours, per (workflow, step), and never restart.

    `is_waiting` says that the step waited for its provider as this attempt began, and `waited_seconds` for how long;
    `step_seconds` is how long ago the step's first attempt had begun. `closed` are the lost attempts that its beginning closed.
    """

    workflow_id: str
    step: str
    number: int
    worker: str
    failures_before: int = 0
    is_waiting: bool = False
    waited_seconds: float = 0.0
    step_seconds: float = 0.0
    closed: tuple[LostAttempt, ...] = ()

    @property
    def is_logged(self) -> bool:
        """Whether the log records this attempt."""
        return self.number != NUMBERED_BY_LEDGER


@dataclass(frozen=True)
class EngineAttempt:
    """The engine's own attempt that begins: its run, its number within the run, and the run's resumption."""

    run_id: str
    number: int
    resumption: int = 0


@dataclass(frozen=True)
class Draft:
    """The text of a step so far, as the model writes it; a new attempt replaces it."""

    workflow_id: str
    step: str
    attempt: int
    text: str


class StepState(StrEnum):
    """Where a step stands."""

    PENDING = "pending"
    RUNNING = "running"
    RETRYING = "retrying"
    WAITING = "waiting"
    DONE = "done"
    LEFT_OUT = "left_out"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass
class StepView:
    """A step's view, folded from the log; `left_out` is the reason why the workflow continued without it."""

    name: str
    state: StepState = StepState.PENDING
    attempt: int = 0
    worker: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    next_try_at: datetime | None = None
    last_error: FailureBody | None = None
    left_out: str | None = None


_SKIPPED_BY_A_PERSON = "a person decided to go on without it"
_CORRECTED = "a person corrected the text"
_WITH_RESULT = frozenset({Status.DONE, Status.PARTLY_DONE})
_STATE_AFTER = {
    EventKind.ATTEMPT_STARTED: StepState.RUNNING,
    EventKind.ATTEMPT_COMPLETED: StepState.DONE,
    EventKind.ATTEMPT_LOST: StepState.RETRYING,
    EventKind.ATTEMPT_HANDED_BACK: StepState.RETRYING,
    EventKind.ATTEMPT_CANCELLED: StepState.CANCELLED,
}


def since_resumed(events: Sequence[ProgressEvent]) -> Sequence[ProgressEvent]:
    """The events since the workflow was resumed last, that event first; all of them when it never was."""
    began = max((number for number, event in enumerate(events) if event.kind is EventKind.RESUMED), default=0)
    return events[began:]


def resumption_after(events: Sequence[ProgressEvent]) -> int:
    """How often the workflow has been resumed."""
    return sum(event.kind is EventKind.RESUMED for event in events)


def resumed_with(events: Sequence[ProgressEvent]) -> ResumedWith:
    """The payload of the latest resumption; an empty one when the workflow never was resumed."""
    return next((event.payload for event in reversed(events) if isinstance(event.payload, ResumedWith)), ResumedWith())


def closing_of(events: Sequence[ProgressEvent]) -> Closed:
    """The payload of the closing event; an empty one while the workflow runs, or runs again."""
    recent = since_resumed(events)
    closed = (event.payload for event in recent if event.kind is EventKind.CLOSED and isinstance(event.payload, Closed))
    return next(closed, Closed())


def steps_after(names: Sequence[str], events: Iterable[ProgressEvent]) -> list[StepView]:
    """Fold a workflow's events into its steps, in the order of its pipeline."""
    views = {name: StepView(name) for name in names}
    for event in events:
        if isinstance(event.payload, ResumedWith):
            _begin_again(views, event, event.payload)
        _skip(views, event)
        _end_open_steps(views, event)
        if event.step:
            _apply(views.setdefault(event.step, StepView(event.step)), event)
    return list(views.values())


def _begin_again(views: Mapping[str, StepView], event: ProgressEvent, resumed: ResumedWith) -> None:
    """Set the steps that are not done to pending; the first one writes the text, and a corrected text replaces it."""
    for view in views.values():
        if view.state is not StepState.DONE:
            view.state, view.ended_at, view.last_error, view.left_out = StepState.PENDING, None, None, None
    writing = next(iter(views.values()), None)
    if writing and writing.state is StepState.PENDING and (resumed.corrected or resumed.replaces_text):
        _leave_out(writing, event, _CORRECTED)


def _skip(views: Mapping[str, StepView], event: ProgressEvent) -> None:
    """Mark the steps that the closing event names as skipped."""
    skipped = event.payload.skipped if isinstance(event.payload, Closed) else {}
    for name, why in skipped.items():
        _leave_out(views[name], event, why)


def _end_open_steps(views: Mapping[str, StepView], event: ProgressEvent) -> None:
    """End the steps that were under way at the outcome or an undo, and the waiting ones that a later step has passed."""
    is_closed = event.kind is EventKind.CLOSED
    if is_closed or event.is_undo:
        has_result = isinstance(event.payload, Closed) and event.payload.status in _WITH_RESULT
        for view in views.values():
            if has_result and view.state is StepState.WAITING:
                _leave_out(view, event)
            elif view.state in {StepState.RUNNING, StepState.RETRYING, StepState.WAITING}:
                view.state, view.ended_at = StepState.CANCELLED, event.at
    elif event.kind is EventKind.ATTEMPT_STARTED:
        for view in takewhile(lambda view: view.name != event.step, views.values()):
            if view.state is StepState.WAITING:
                _leave_out(view, event)


def _leave_out(view: StepView, event: ProgressEvent, why: str = _SKIPPED_BY_A_PERSON) -> None:
    view.state, view.left_out, view.ended_at = StepState.LEFT_OUT, why, event.at


def status_after(kind: EventKind, payload: Payload) -> Status | None:
    """The workflow's status after an attempt's end or an approval's event; None when the event does not change it."""
    if kind in {EventKind.APPROVAL_ASKED, EventKind.APPROVAL_REMINDED}:
        return Status.WAITING_FOR_YOU
    if kind in ENDS_OF_APPROVAL:
        return Status.RUNNING
    if not isinstance(payload, AttemptFailed):
        return None
    if payload.asks_a_person:
        return Status.WAITING_FOR_YOU
    return None if payload.final else Status.RETRYING


def _state_after_failure(failed: AttemptFailed) -> StepState:
    if failed.asks_a_person:
        return StepState.WAITING
    return StepState.FAILED if failed.final else StepState.RETRYING


def _apply(view: StepView, event: ProgressEvent) -> None:
    payload = event.payload
    if isinstance(payload, AttemptStarted):
        view.attempt, view.worker = event.attempt, payload.worker
        view.started_at = view.started_at or event.at
        view.ended_at = view.left_out = None
    elif event.attempt < view.attempt:
        return
    elif isinstance(payload, AttemptFailed):
        view.state, view.last_error = _state_after_failure(payload), payload.error
    elif event.kind is EventKind.ATTEMPT_LOST and isinstance(payload, OfWorker):
        view.last_error = {"code": "worker_lost", "detail": f"{payload.worker or 'the worker'} went away"}
    view.state = _STATE_AFTER.get(event.kind, view.state)
    if isinstance(payload, AttemptCompleted) and payload.left_out:
        view.state, view.left_out = StepState.LEFT_OUT, payload.left_out
    if event.kind in ENDS_OF_ATTEMPT and view.state not in {StepState.RETRYING, StepState.WAITING}:
        view.ended_at = event.at
