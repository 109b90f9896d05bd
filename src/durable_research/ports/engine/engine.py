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
    """A step as the engine sees it this second."""

    step: str
    worker: str | None
    next_try_at: datetime | None


@dataclass(frozen=True)
class EngineView:
    """A workflow as the engine sees it this second; `status` is the engine's own word, lower case.

    It is the view of the workflow's latest run, which is of this `resumption`.
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
    ) -> None:
        """Start it, labelled for operators with tenant and kind; an id that the engine knows already is left alone.

        A resumption is a new run of the same id: what still runs of an earlier one is ended, as it has closed its log.
        `completed_steps` names the steps that were completed when the engine lost it: a cancellation waits until their replay.
        """
        ...

    async def cancel(self, workflow_id: str, resumption: int = 0) -> bool:
        """Ask this resumption of it to cancel; False when the engine does not know that as running."""
        ...

    async def decide(self, workflow_id: str, decided: Decided) -> bool:
        """Send it a person's decision, unanswered; False when the engine does not know it as running."""
        ...

    async def approve(self, workflow_id: str, decision: ApprovalDecision) -> ApprovalDecision | None:
        """Send it a decision about its draft and return the one that stands; None when no worker answered within seconds.

        The same `decision_id` again gets the same answer.

        Raises:
            AlreadyDecided: the workflow refuses, as another decision came first.
            InvalidState: it refuses, or is not running.
        """
        ...

    async def approve_unanswered(self, workflow_id: str, decision: ApprovalDecision) -> bool:
        """The same where no worker can answer: it is kept until one is there; False as for `decide`."""
        ...

    async def retry_now(self, workflow_id: str) -> Sequence[str]:
        """Let every step that waits for its next try have it now; returns their names. Attempts count on as they do."""
        ...

    async def describe(self, workflow_id: str) -> EngineView | None:
        """Ask about it; None when the engine does not know it."""
        ...

    def history(self, workflow_id: str) -> AsyncIterator[dict[str, Any]]:
        """Its Event History, as JSON objects."""
        ...
