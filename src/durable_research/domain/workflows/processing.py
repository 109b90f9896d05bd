"""How long a workflow was worked on: the times in which it slept before its start, or asked a person, do not count."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from durable_research.domain.workflows.events import (
    ENDS_OF_APPROVAL,
    Accepted,
    AttemptFailed,
    EventKind,
)
from durable_research.domain.workflows.progress import ProgressEvent, since_resumed


def processing_time(events: Sequence[ProgressEvent], ended_at: datetime) -> timedelta:
    """The sum of the times without an open question, from the acceptance or the latest resumption to the end.

    A question about a step is answered when the step begins again.
    """
    total = timedelta(0)
    questions: set[str] = set()
    latest: datetime | None = None
    for event in since_resumed(events):
        if latest is not None and not questions and event.at > latest:
            total += event.at - latest
        latest = max(event.at, _begins_at(event), latest or event.at)
        _follow(questions, event)
    if latest is not None and not questions and ended_at > latest:
        total += ended_at - latest
    return total


def _begins_at(event: ProgressEvent) -> datetime:
    payload = event.payload
    return (payload.begins_at or event.at) if isinstance(payload, Accepted) else event.at


def _follow(questions: set[str], event: ProgressEvent) -> None:
    """Change the open questions: an approval has no step."""
    asks = isinstance(event.payload, AttemptFailed) and event.payload.asks_a_person
    if asks or event.kind is EventKind.APPROVAL_ASKED:
        questions.add(event.step)
    elif event.kind in ENDS_OF_APPROVAL or event.kind is EventKind.ATTEMPT_STARTED:
        questions.discard(event.step)
    elif event.kind is EventKind.CANCEL_REQUESTED:
        questions.clear()
