"""One pass over what a crash, an outage or an operator may have left open between our tables and the engine."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio import activity

from durable_research.domain.workflow import Status
from durable_research.pipelines.reconcile.messages import Reconciled
from durable_research.ports.engine import WorkflowEngine
from durable_research.ports.progress import ProgressLog
from durable_research.ports.workflows import WorkflowRow, Workflows

# The API starts what it accepts within a second; younger rows are its business.
_ACCEPTED_LONG_AGO = timedelta(seconds=5)
# A workflow that changes nothing for this long is looked up in the engine.
_SILENT_LONG = timedelta(seconds=20)
_ENDED_BEHIND_OUR_BACK = {
    "terminated": Status.TERMINATED,
    "timed_out": Status.FAILED,
    "failed": Status.FAILED,
    "canceled": Status.CANCELLED,
}

StartWorkflow = Callable[[WorkflowRow], Awaitable[None]]
StoreLater = Callable[[Mapping[str, Any]], Awaitable[None]]


@dataclass
class ReconcileActivities:
    """`start` gives a row to the engine; `store_later` writes the metadata that a closing event kept."""

    workflows: Workflows
    progress: ProgressLog
    engine: WorkflowEngine
    start: StartWorkflow
    store_later: StoreLater

    @activity.defn(name="reconcile")
    async def reconcile(self) -> Reconciled:
        """Start, cancel, close and store what is due; each of it is safe to repeat."""
        return Reconciled(
            started=await self._start_accepted(),
            cancelled=await self._pass_on_cancels(),
            closed=await self._close_ended(),
            stored=await self._store_partly_done(),
        )

    async def _start_accepted(self) -> int:
        rows = await self.workflows.unstarted(_ACCEPTED_LONG_AGO)
        for row in rows:
            await self.start(row)
        return len(rows)

    async def _pass_on_cancels(self) -> int:
        rows = [row for row in await self.workflows.unended(_ACCEPTED_LONG_AGO) if row.cancel_requested]
        for row in rows:
            await self.engine.cancel(row.workflow_id)
        return len(rows)

    async def _close_ended(self) -> int:
        closed = 0
        for row in await self.workflows.unended(_SILENT_LONG):
            view = await self.engine.describe(row.workflow_id)
            if view is None:  # the engine lost it: drive it again, settled effects come back without a charge
                await self.start(row)
                continue
            word = view.status
            status = _ENDED_BEHIND_OUR_BACK.get(word)
            if status is None:
                continue
            error = {"code": f"engine_{word}", "detail": f"the workflow was {word.replace('_', ' ')} outside this app"}
            await self.progress.close(row.workflow_id, status, {"error": error})
            closed += 1
        return closed

    async def _store_partly_done(self) -> int:
        rows = await self.workflows.partly_done()
        for row in rows:
            events = await self.progress.read(row.workflow_id)
            kept = next((event.data["to_store"] for event in events if "to_store" in event.data), None)
            if kept is not None:
                await self.store_later(kept)
                await self.progress.close(row.workflow_id, Status.DONE, {})
        return len(rows)
