"""The progress log: the events that pages, CLI and API follow, and what a step's state is after them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import takewhile
from typing import Any

from durable_research.domain.shapes import FailureBody
from durable_research.domain.workflows.workflow import Status


class EventKind(StrEnum):
    """What happened. Each is written at most once for a (workflow, step, attempt).

    An event of the workflow itself has no step; its attempt is the workflow's resumption, 0 until it is resumed first.
    """

    ACCEPTED = "accepted"
    ATTEMPT_STARTED = "attempt_started"
    ATTEMPT_REATTACHED = "attempt_reattached"
    CALL_SENT_AGAIN = "call_sent_again"
    PROVIDER_ANSWERED = "provider_answered"
    ATTEMPT_COMPLETED = "attempt_completed"
    ATTEMPT_FAILED = "attempt_failed"
    ATTEMPT_LOST = "attempt_lost"
    ATTEMPT_HANDED_BACK = "attempt_handed_back"
    ATTEMPT_CANCELLED = "attempt_cancelled"
    APPROVAL_ASKED = "approval_asked"
    APPROVAL_REMINDED = "approval_reminded"
    APPROVAL_GIVEN = "approval_given"
    APPROVAL_REFUSED = "approval_refused"
    APPROVAL_EXPIRED = "approval_expired"
    CANCEL_REQUESTED = "cancel_requested"
    CLOSED = "closed"
    STORED_LATER = "stored_later"
    RESUMED = "resumed"


ENDS_OF_ATTEMPT = frozenset(
    {
        EventKind.ATTEMPT_COMPLETED,
        EventKind.ATTEMPT_FAILED,
        EventKind.ATTEMPT_LOST,
        EventKind.ATTEMPT_HANDED_BACK,
        EventKind.ATTEMPT_CANCELLED,
    }
)

# Each answers what a workflow asked with `approval_asked`.
ENDS_OF_APPROVAL = frozenset({EventKind.APPROVAL_GIVEN, EventKind.APPROVAL_REFUSED, EventKind.APPROVAL_EXPIRED})

# Marks the beginning of an attempt that undoes another step. From then on the workflow is being compensated.
UNDOES = "undoes"

# In a completed attempt's event, and in the result of the step that it comes from: why the step had nothing to do.
LEFT_OUT = "left_out"

# In the event of an approval: what was approved is finished with it, and a cancellation comes too late.
COMMITS = "commits"

# In the closing event: the steps that a cancellation kept from being done after the report was finished, and why.
SKIPPED = "skipped"

# Kept for reconciliation and for the fence; object keys and the engine's numbers are nobody else's business.
_NOT_SHOWN = frozenset({"to_store", "texts", "engine_run", "engine_attempt", "key", "pdf", COMMITS})


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

    def as_json(self) -> dict[str, Any]:
        """The event as API and pages send it; a pure function of the stored row, so a re-read gives the same bytes."""
        body: dict[str, Any] = {"seq": self.seq, "at": self.at.isoformat(), "kind": str(self.kind)}
        if self.step:
            body |= {"step": self.step, "attempt": self.attempt}
        elif self.attempt:
            body["resumption"] = self.attempt
        return body | {name: value for name, value in self.data.items() if name not in _NOT_SHOWN}


# The number of an attempt that the log does not follow: the ledger gives one for each effect.
NUMBERED_BY_LEDGER = 0


@dataclass(frozen=True)
class Attempt:
    """One try of one step by one worker. Numbers are ours, per (workflow, step), and never start again.

    `is_waiting` says that the step waited for its provider as this attempt began.
    """

    workflow_id: str
    step: str
    number: int
    worker: str
    failures_before: int = 0
    is_waiting: bool = False

    @property
    def is_logged(self) -> bool:
        """Whether the log follows it."""
        return self.number != NUMBERED_BY_LEDGER


@dataclass(frozen=True)
class EngineAttempt:
    """Which of the engine's own attempts begins: its run, its number within the run, and the resumption that the run is of."""

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
    """A step as a person sees it, folded from the log; `left_out` says why the workflow continued without it."""

    name: str
    state: StepState = StepState.PENDING
    attempt: int = 0
    worker: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    next_try_at: datetime | None = None
    last_error: FailureBody | None = None
    left_out: str | None = None


_GONE_WITHOUT = "a person decided to go on without it"
_ENDED_WELL = frozenset({Status.DONE, Status.PARTLY_DONE})
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


def resumed_with(events: Sequence[ProgressEvent]) -> Mapping[str, Any]:
    """What the latest event of resuming keeps; nothing of a workflow that never was resumed."""
    return next((event.data for event in reversed(events) if event.kind is EventKind.RESUMED), {})


def closing_of(events: Sequence[ProgressEvent]) -> Mapping[str, Any]:
    """What the closing event says; nothing of a workflow that goes on, or goes on again."""
    return next((event.data for event in since_resumed(events) if event.kind is EventKind.CLOSED), {})


def steps_after(names: Sequence[str], events: Iterable[ProgressEvent]) -> list[StepView]:
    """Fold a workflow's events into its steps, in the order of its pipeline."""
    views = {name: StepView(name) for name in names}
    for event in events:
        if event.kind is EventKind.RESUMED:
            _begin_again(views)
        _skip(views, event)
        _go_past(views, event)
        if event.step:
            _apply(views.setdefault(event.step, StepView(event.step)), event)
    return list(views.values())


def _begin_again(views: Mapping[str, StepView]) -> None:
    for view in views.values():
        if view.state is not StepState.DONE:
            view.state, view.ended_at, view.last_error, view.left_out = StepState.PENDING, None, None, None


def _skip(views: Mapping[str, StepView], event: ProgressEvent) -> None:
    """What a cancellation that came too late has kept from being done."""
    for name, why in event.data.get(SKIPPED, {}).items():
        views[name].state, views[name].left_out, views[name].ended_at = StepState.LEFT_OUT, why, event.at


def _go_past(views: Mapping[str, StepView], event: ProgressEvent) -> None:
    """What a resumption, the outcome, or the first undo makes of the steps that were under way."""
    if event.kind is EventKind.CLOSED or event.data.get(UNDOES):
        ended_well = event.kind is EventKind.CLOSED and event.data.get("status") in _ENDED_WELL
        for view in views.values():
            if ended_well and view.state is StepState.WAITING:
                _leave_out(view, event)
            elif view.state in {StepState.RUNNING, StepState.RETRYING, StepState.WAITING}:
                view.state, view.ended_at = StepState.CANCELLED, event.at
    elif event.kind is EventKind.ATTEMPT_STARTED:
        for view in takewhile(lambda view: view.name != event.step, views.values()):
            if view.state is StepState.WAITING:
                _leave_out(view, event)


def _leave_out(view: StepView, event: ProgressEvent) -> None:
    view.state, view.left_out, view.ended_at = StepState.LEFT_OUT, _GONE_WITHOUT, event.at


def status_after(kind: EventKind, data: Mapping[str, Any]) -> Status | None:
    """What an attempt's end, or an approval's event, makes of its workflow's status, when it makes something of it."""
    if kind in {EventKind.APPROVAL_ASKED, EventKind.APPROVAL_REMINDED}:
        return Status.WAITING_FOR_YOU
    if kind in ENDS_OF_APPROVAL:
        return Status.RUNNING
    if kind is not EventKind.ATTEMPT_FAILED:
        return None
    if data.get("asks_a_person"):
        return Status.WAITING_FOR_YOU
    return None if data.get("final") else Status.RETRYING


def _state_after_failure(data: dict[str, Any]) -> StepState:
    if data.get("asks_a_person"):
        return StepState.WAITING
    return StepState.FAILED if data.get("final") else StepState.RETRYING


def _apply(view: StepView, event: ProgressEvent) -> None:
    if event.kind is EventKind.ATTEMPT_STARTED:
        view.attempt, view.worker = event.attempt, event.data.get("worker")
        view.started_at = view.started_at or event.at
        view.ended_at = view.left_out = None
    elif event.attempt < view.attempt:
        return
    elif event.kind is EventKind.ATTEMPT_FAILED:
        view.state = _state_after_failure(event.data)
        view.last_error = event.data.get("error")
    elif event.kind is EventKind.ATTEMPT_LOST:
        view.last_error = {"code": "worker_lost", "detail": f"{event.data.get('worker', 'the worker')} went away"}
    view.state = _STATE_AFTER.get(event.kind, view.state)
    if event.kind is EventKind.ATTEMPT_COMPLETED and event.data.get(LEFT_OUT):
        view.state, view.left_out = StepState.LEFT_OUT, event.data[LEFT_OUT]
    if event.kind in ENDS_OF_ATTEMPT and view.state not in {StepState.RETRYING, StepState.WAITING}:
        view.ended_at = event.at
