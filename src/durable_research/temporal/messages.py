"""What crosses Temporal for the built-in activities of every workflow. New fields need defaults."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from durable_research.domain.workflows.events import EventKind
from durable_research.domain.workflows.workflow import Status


class Closing(BaseModel):
    """A workflow's end, as the progress log keeps it."""

    model_config = ConfigDict(frozen=True)

    workflow_id: str
    status: Status
    data: dict[str, Any] = {}
    resumption: int = 0
    unless_cancelled: bool = False


class NoteApproval(BaseModel):
    """An event of an approval, as the progress log keeps it."""

    model_config = ConfigDict(frozen=True)

    workflow_id: str
    kind: EventKind
    data: dict[str, Any] = {}
    resumption: int = 0


class StopModelCalls(BaseModel):
    """Cancels the calls that a workflow left running at the provider, unless they are retained to be resumed.

    A run of an earlier resumption stops nothing.
    """

    model_config = ConfigDict(frozen=True)

    workflow_id: str
    keep: bool = False
    resumption: int | None = None
