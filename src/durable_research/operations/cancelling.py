"""Cancelling: note the wish for good, then pass it on to the engine."""

import asyncio
from dataclasses import dataclass, field

from durable_research.domain.errors import InfrastructureDown, InvalidState
from durable_research.domain.workflow import Status
from durable_research.operations.reading import Reading
from durable_research.ports.engine import WorkflowEngine
from durable_research.ports.progress import ProgressLog
from durable_research.ports.workflows import WorkflowRow, Workflows

_ASK_AGAIN_SECONDS = 1.0


@dataclass
class Cancelling:
    """A wish that cannot be passed on now is passed on each second while this process lives, and by reconciliation."""

    reading: Reading
    workflows: Workflows
    progress: ProgressLog
    engine: WorkflowEngine
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def close(self) -> None:
        """Stop asking."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ask_in_background(self, workflow_id: str) -> None:
        if workflow_id not in self._tasks:
            task = asyncio.create_task(self._ask_until_heard(workflow_id))
            self._tasks[workflow_id] = task
            task.add_done_callback(lambda _: self._tasks.pop(workflow_id, None))

    async def _ask_until_heard(self, workflow_id: str) -> None:
        while True:
            await asyncio.sleep(_ASK_AGAIN_SECONDS)
            try:
                await self.engine.cancel(workflow_id)
            except InfrastructureDown:
                continue
            return

    async def cancel(self, workflow_id: str, tenant: str) -> WorkflowRow:
        """Ask a workflow to stop; asking again changes nothing.

        Raises:
            NotFound: unknown id.
            InvalidState: it has ended otherwise.
        """
        row = await self.reading.get(workflow_id, tenant)
        if row.status is Status.CANCELLED:
            return row
        if row.status.is_final:
            raise InvalidState(f"the workflow is {row.status.words} and cannot be cancelled")
        await self.workflows.request_cancel(workflow_id)
        try:
            known = await self.engine.cancel(workflow_id)
        except InfrastructureDown:
            known = (
                True  # not asked: we go on asking, the next step looks at the wish itself, and reconciliation asks too
            )
            self._ask_in_background(workflow_id)
        if not known and not row.engine_started:
            await self.progress.close(workflow_id, Status.CANCELLED, {})
        return await self.reading.get(workflow_id, tenant)
