"""Closing workflows that ended in the engine without a closing event, and restarting those that the engine has lost."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

from durable_research.descriptor import StoresLate
from durable_research.domain.workflows.events import Closed
from durable_research.domain.workflows.workflow import RESUMABLE, Kind, Status
from durable_research.pipelines.reconcile import pipeline
from durable_research.pipelines.reconcile.messages import PassOutcome
from durable_research.pipelines.reconcile.passes.rows import Walk, repair_each
from durable_research.pipelines.reconcile.passes.start_accepted import StartWorkflow
from durable_research.ports.database.progress import ProgressLog
from durable_research.ports.database.workflows import WorkflowRow, WorkflowsToReconcile
from durable_research.ports.engine.engine import WorkflowEngine

_ENDED_OUTSIDE = {
    "terminated": Status.TERMINATED,
    "timed_out": Status.FAILED,
    "failed": Status.FAILED,
    "canceled": Status.CANCELLED,
}

StopModelCalls = Callable[[str], Awaitable[None]]


@dataclass
class CloseEnded:
    """`stop_model_calls` cancels the calls that a workflow left running; `late` are the activities that store late.

    Workflows of `resumable` kinds can be resumed after a failure.
    """

    name: ClassVar = "closed"
    deadline: ClassVar = pipeline.WAITED_FOR_DEADLINE

    workflows: WorkflowsToReconcile
    progress: ProgressLog
    engine: WorkflowEngine
    start: StartWorkflow
    stop_model_calls: StopModelCalls
    late: Mapping[Kind, StoresLate]
    resumable: frozenset[Kind]
    _walk: Walk = field(default_factory=Walk, init=False)

    async def run(self) -> PassOutcome:
        due = partial(self.workflows.unended, pipeline.LOOK_UP_SILENT_AFTER)
        return await repair_each(await self._walk.next(due), self.close_one)

    async def close_one(self, row: WorkflowRow) -> bool:
        """Close one workflow if it has ended; False when it runs, or is restarted."""
        view = await self.engine.describe(row.workflow_id)
        # The engine lost it, or has only a run from before it was resumed: restart it; settled effects return without a
        # charge.
        if view is None or view.resumption != row.resumption:
            await self.start(row)
            return False
        status = _ENDED_OUTSIDE.get(view.status)
        if status is None:
            return False
        if await self._close_finished(row):
            return True
        detail = f"the workflow was {view.status.replace('_', ' ')} outside this app"
        if status not in RESUMABLE or row.kind not in self.resumable:
            # The call of a workflow that can be resumed is not stopped: it is paid for, and resuming fetches its answer.
            await self.stop_model_calls(row.workflow_id)
        closed = Closed(error={"code": f"engine_{view.status}", "detail": detail})
        await self.progress.close(row.workflow_id, status, closed, row.resumption)
        return True

    async def _close_finished(self, row: WorkflowRow) -> bool:
        """Close a workflow as done if it was ended after its row was stored: the row finishes it."""
        late = self.late.get(row.kind)
        closed = await late.finished_outside(row) if late else None
        if closed is None:
            return False
        await self.progress.close(row.workflow_id, Status.DONE, closed, row.resumption)
        return True
