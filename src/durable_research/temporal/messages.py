"""The messages of the built-in activities of every workflow. New fields need defaults."""

from typing import Any

from pydantic import Field

from durable_research.domain.values import Value
from durable_research.domain.workflows.events import EventKind
from durable_research.domain.workflows.workflow import Status


class Closing(Value):
    """A workflow's end, for the progress log."""

    workflow_id: str
    status: Status
    data: dict[str, Any] = Field(default_factory=dict)
    resumption: int = 0
    unless_cancelled: bool = False


class NoteApproval(Value):
    """An event of an approval, for the progress log."""

    workflow_id: str
    kind: EventKind
    data: dict[str, Any] = Field(default_factory=dict)
    resumption: int = 0


class StopModelCalls(Value):
    """Cancels the calls that a workflow left running at the provider, unless they are retained to be resumed.

    A run of an earlier resumption stops nothing.
    """

    workflow_id: str
    keep: bool = False
    resumption: int | None = None
