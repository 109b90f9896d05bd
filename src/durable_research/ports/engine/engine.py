"""The engine that makes workflows durable."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from pydantic import BaseModel

from durable_research.domain.workflows.approval import ApprovalDecision
from durable_research.domain.workflows.workflow import Decided


@dataclass(frozen=True)
class PendingStep:
    """A step as the engine shows it now."""

    step: str
    worker: str | None
    next_try_at: datetime | None


@dataclass(frozen=True)
class EngineView:
    """A workflow as the engine shows it now; `status` is the engine's own word, lower case.

    The view is of the workflow's latest run, which belongs to this `resumption`.
    """

    status: str
    pending: tuple[PendingStep, ...] = field(default_factory=tuple)
    resumption: int = 0


class WorkflowEngine(Protocol):
    """The engine that makes workflows durable."""

    async def start(
        self,
        workflow_id: str,
        workflow_type: str,
        task_queue: str,
        message: BaseModel,
        *,
        tenant: str,
        completed_steps: Sequence[str] = (),
        resumption: int = 0,
        traceparent: str | None = None,
    ) -> None:
        """Start the workflow, labelled for operators with tenant and kind; an id that the engine has already is left alone.

        A resumption is a new run of the same id: an earlier run that still runs is ended, as its log is closed.
        `completed_steps` names the steps completed before the engine lost the run: a cancellation waits until their replay.
        `traceparent` is that of the span below which its activities' are.
        """
        ...

    async def cancel(self, workflow_id: str, resumption: int = 0) -> bool:
        """Request the cancellation of this resumption; False when the engine does not have it as running."""
        ...

    async def decide(self, workflow_id: str, decided: Decided) -> bool:
        """Send the workflow a person's decision without an answer; False when the engine does not have it as running."""
        ...

    async def approve(self, workflow_id: str, decision: ApprovalDecision) -> ApprovalDecision | None:
        """Send a decision about the draft and return the one that is valid; None when no worker answered within seconds.

        The same `decision_id` again gets the same answer.

        Raises:
            AlreadyDecided: the workflow refuses, as another decision came first.
            InvalidState: the workflow refuses, or is not running.
        """
        ...

    async def approve_unanswered(self, workflow_id: str, decision: ApprovalDecision) -> bool:
        """The same where no worker can answer: the engine stores it until one can; False as for `decide`."""
        ...

    async def retry_now(self, workflow_id: str) -> Sequence[str]:
        """Retry now every step that waits for its next attempt; returns their names. The count of attempts continues."""
        ...

    async def describe(self, workflow_id: str) -> EngineView | None:
        """Read the workflow's state; None when the engine does not have it."""
        ...

    def history(self, workflow_id: str) -> AsyncIterator[dict[str, Any]]:
        """Its Event History, as JSON objects."""
        ...
