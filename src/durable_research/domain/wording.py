"""The words for statuses, steps and events: one wording for pages and commands.

Pages add their classes and capitals, commands their colours. Lengths of time are in `domain/durations.py`.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from durable_research.domain.workflows.events import EventKind
from durable_research.domain.workflows.progress import StepState
from durable_research.domain.workflows.workflow import Status

_SHAPES: dict[str, str] = {
    Status.QUEUED: "◌",
    Status.RUNNING: "●",
    Status.RETRYING: "↻",
    Status.WAITING_FOR_YOU: "◇",
    Status.SLEEPING: "☾",
    Status.DONE: "✔",
    Status.PARTLY_DONE: "◐",
    Status.FAILED: "✖",
    Status.CANCELLED: "⊘",
    Status.TERMINATED: "■",
    StepState.PENDING: "◌",
    StepState.WAITING: "◇",
    StepState.LEFT_OUT: "⊖",
}
# Where the value itself is not clear; a step that waits for a person is shown as its workflow is.
_WORDS: dict[str, str] = {status: status.words for status in Status} | {
    StepState.PENDING: "not begun",
    StepState.WAITING: Status.WAITING_FOR_YOU.words,
}
_ENDS: dict[str, str] = {Status.FAILED: "has failed", Status.TERMINATED: "was ended from outside"}

# The events of one attempt, as predicates of it. The fields in braces come from the event.
ATTEMPT_EVENTS: dict[EventKind, str] = {
    EventKind.ATTEMPT_STARTED: "started on {worker}",
    EventKind.ATTEMPT_REATTACHED: "took up the call that was already sent; nothing is paid again",
    EventKind.CALL_SENT_AGAIN: "sends the call again: {possible_extra} earlier may have been charged",
    EventKind.PROVIDER_ANSWERED: "the provider answers again",
    EventKind.ATTEMPT_COMPLETED: "done",
    EventKind.ATTEMPT_FAILED: "failed: {error}",
    EventKind.ATTEMPT_LOST: "lost, {worker} went away",
    EventKind.ATTEMPT_HANDED_BACK: "handed back, {worker} is shutting down",
    EventKind.ATTEMPT_CANCELLED: "cancelled",
}
WORKFLOW_EVENTS: dict[EventKind, str] = {
    EventKind.ACCEPTED: "accepted",
    EventKind.APPROVAL_ASKED: "the draft waits for approval",
    EventKind.APPROVAL_REMINDED: "the draft still waits for approval",
    EventKind.APPROVAL_GIVEN: "the draft is approved",
    EventKind.APPROVAL_REFUSED: "the draft was refused",
    EventKind.APPROVAL_EXPIRED: "nobody approved the draft in time",
    EventKind.CANCEL_REQUESTED: "cancelling was asked for",
    EventKind.CLOSED: "the run {ended}",
    EventKind.RESUMED: "resumed: it goes on from the step that failed",
    EventKind.STORED_LATER: "the report's record is stored now; the run {ended}",
}
_EVENTS = ATTEMPT_EVENTS | WORKFLOW_EVENTS


class Look(NamedTuple):
    """A shape and words, so that colour is never the only sign."""

    shape: str
    words: str


def look(state: str) -> Look:
    """How a workflow's status or a step's state is shown; an unknown one, of a newer version, by its value."""
    return Look(_SHAPES.get(state, "?"), _WORDS.get(state) or state.replace("_", " "))


def ended(status: str) -> str:
    """How a run ended, as the rest of a sentence."""
    return _ENDS.get(status) or f"is {look(status).words}"


def event_words(kind: EventKind, data: Mapping[str, Any], error: str) -> str:
    """An event in words; `error` is its reason, in the detail that the reader needs."""
    return _EVENTS[kind].format(
        worker=data.get("worker") or "its worker",
        error=error,
        ended=ended(str(data.get("status", ""))),
        possible_extra=data.get("possible_extra", "?"),
    )


def plural(count: int, noun: str) -> str:
    """A count with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
