"""Cancelling: store the request in the database, then deliver it to the engine."""

from dataclasses import dataclass, field

from durable_research.domain.caller import Caller
from durable_research.domain.errors import InfrastructureDown, InvalidState
from durable_research.domain.workflows.events import Closed
from durable_research.domain.workflows.workflow import Status
from durable_research.operations.outbox import Outbox
from durable_research.operations.reading.read import Reading
from durable_research.ports.database.progress import ProgressLog
from durable_research.ports.database.workflows import WorkflowRow, Workflows
from durable_research.ports.engine.engine import WorkflowEngine


@dataclass
class Cancelling:
    """The outbox repeats a request while the engine is away; meanwhile no further step begins."""

    reading: Reading
    workflows: Workflows
    progress: ProgressLog
    engine: WorkflowEngine
    _outbox: Outbox = field(default_factory=Outbox)

    async def close(self) -> None:
        await self._outbox.close()

    async def cancel(self, workflow_id: str, caller: Caller) -> WorkflowRow:
        """Request that a workflow stops; a repeated request changes nothing.

        Raises:
            NotFound: unknown id.
            InvalidState: it has ended with another status.
        """
        row = await self.reading.get(workflow_id, caller)
        if row.status is Status.CANCELLED:
            return row
        if row.status.is_final:
            raise InvalidState(f"the workflow is {row.status.words} and cannot be cancelled")
        await self.workflows.request_cancel(workflow_id)
        try:
            found = await self.engine.cancel(workflow_id, row.resumption)
        except InfrastructureDown:
            self._outbox.deliver(workflow_id, lambda: self.engine.cancel(workflow_id, row.resumption))
        else:
            # A resumed workflow has stored things already; its run removes them when it is cancelled.
            if not found and not row.engine_started and not row.resumption:
                await self.progress.close(workflow_id, Status.CANCELLED, Closed())
        row = await self.reading.get(workflow_id, caller)
        if row.status.is_final and row.status is not Status.CANCELLED and not row.cancel_requested:
            raise InvalidState(f"the workflow is {row.status.words} and cannot be cancelled")
        return row
