"""A client's view of one workflow: the status body first, then every event received."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from durable_research.domain.workflows.events import Accepted, AttemptFailed, Closed, EventKind
from durable_research.domain.workflows.progress import (
    ProgressEvent,
    StepState,
    StepView,
    closing_of,
    status_after,
    steps_after,
)
from durable_research.domain.workflows.workflow import FINAL, Status

_ENVELOPE = frozenset({"seq", "at", "kind", "step", "attempt", "resumption"})


def parse_event(workflow_id: str, body: Mapping[str, Any]) -> ProgressEvent | None:
    """An event from its JSON; None for one that only newer versions can read."""
    data = {name: value for name, value in body.items() if name not in _ENVELOPE}
    # An event of the workflow itself has the number of its resumption in place of a step's attempt number.
    attempt = int(body.get("attempt", body.get("resumption", 0)))
    step, seq = str(body.get("step", "")), int(body.get("seq", 0))
    try:
        at, kind = datetime.fromisoformat(str(body.get("at"))), EventKind(str(body.get("kind")))
    except ValueError:
        return None
    return ProgressEvent(workflow_id, seq, at, kind, step, attempt, data)


def parse_step(body: Mapping[str, Any]) -> StepView:
    """A step from the status body."""

    def time(name: str) -> datetime | None:
        return datetime.fromisoformat(body[name]) if body.get(name) else None

    return StepView(
        name=str(body["name"]),
        state=StepState(body["state"]),
        attempt=int(body.get("attempt") or 0),
        worker=body.get("worker"),
        started_at=time("started_at"),
        ended_at=time("ended_at"),
        next_try_at=time("next_try_at"),
        last_error=body.get("last_error"),
        left_out=body.get("left_out"),
    )


@dataclass
class WorkflowView:
    """A workflow that is being followed."""

    workflow_id: str
    title: str
    status: str
    step_names: tuple[str, ...]
    events: list[ProgressEvent] = field(default_factory=list)
    drafts: dict[str, int] = field(default_factory=dict)

    @classmethod
    def from_status(cls, body: Mapping[str, Any]) -> "WorkflowView":
        """Begin with the status body; its steps are derived again from the events."""
        names = tuple(str(step["name"]) for step in body.get("steps", ()))
        return cls(str(body["workflow_id"]), str(body.get("title", "")), str(body["status"]), names)

    def add(self, kind: str, body: Mapping[str, Any]) -> ProgressEvent | None:
        """Add a message of the stream; return it if it is an event that can be read."""
        if kind == "draft":
            self.drafts[str(body.get("step", ""))] = len(str(body.get("text", "")))
            return None
        event = parse_event(self.workflow_id, body)
        if event:
            self.events.append(event)
            self.status = self._status_after(event)
        return event

    def steps(self) -> list[StepView]:
        """The state of each step, with the time of its next try."""
        steps = steps_after(self.step_names, self.events)
        for step in steps:
            if step.state is StepState.RETRYING:
                step.next_try_at = self._next_try(step.name)
        return steps

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self.status in FINAL

    @property
    def is_good(self) -> bool:
        """Whether it has ended with a report."""
        return self.status in {Status.DONE, Status.PARTLY_DONE}

    @property
    def error(self) -> Mapping[str, Any]:
        """The error with which it failed, if it did; not one from which it was resumed."""
        return closing_of(self.events).error or {}

    def _next_try(self, step: str) -> datetime | None:
        last = next((one for one in reversed(self.events) if one.step == step), None)
        if last is None or not isinstance(last.payload, AttemptFailed) or last.payload.retry_in_seconds is None:
            return None
        return last.at + timedelta(seconds=last.payload.retry_in_seconds)

    def _status_after(self, event: ProgressEvent) -> str:
        if event.kind is EventKind.RESUMED:
            return Status.QUEUED
        if isinstance(event.payload, Closed):
            return event.payload.status or self.status
        if self.is_final:
            return self.status
        if isinstance(event.payload, Accepted) and event.payload.begins_at:
            return Status.SLEEPING
        return status_after(event.kind, event.payload) or (Status.RUNNING if event.step else self.status)
