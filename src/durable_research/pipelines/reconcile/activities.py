"""One pass over what a crash, an outage or an operator may have left open between our tables and the engine."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import activity

from durable_research.domain.errors import InfrastructureDown
from durable_research.domain.workflow import Status
from durable_research.pipelines.reconcile.messages import Reconciled
from durable_research.ports.engine import WorkflowEngine
from durable_research.ports.ledger import Doubt, Effects
from durable_research.ports.progress import ProgressLog
from durable_research.ports.remote import EarlierSend
from durable_research.ports.workflows import WorkflowRow, Workflows
from durable_research.temporal import policies

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
FindAll = Callable[[EarlierSend], Awaitable[list[str]]]
Thing = TypeVar("Thing", WorkflowRow, Doubt)
StopSpending = Callable[[WorkflowRow], Awaitable[None]]
StoreLater = Callable[[Mapping[str, Any]], Awaitable[None]]


@dataclass
class ReconcileActivities:
    """`start` gives a row to the engine; `store_later` writes the metadata that a closing event kept.

    `stop_spending` cancels what a workflow that ended behind our back left running at the provider. `find_all` asks a
    provider, by its name, for every send of ours under a key.
    """

    workflows: Workflows
    progress: ProgressLog
    engine: WorkflowEngine
    ledger: Effects
    start: StartWorkflow
    store_later: StoreLater
    stop_spending: StopSpending
    find_all: Mapping[str, FindAll]

    @activity.defn(name="reconcile")
    async def reconcile(self) -> Reconciled:
        """Start, cancel, close and store what is due; each of it is safe to repeat."""
        return Reconciled(
            started=await self._start_accepted(),
            cancelled=await self._pass_on_cancels(),
            closed=await self._close_ended(),
            stored=await self._store_partly_done(),
            strays=await self._look_up_doubts(),
        )

    async def _start_accepted(self) -> int:
        return await self._each(await self.workflows.unstarted(_ACCEPTED_LONG_AGO), self._start_one)

    async def _start_one(self, row: WorkflowRow) -> bool:
        await self.start(row)
        return True

    async def _pass_on_cancels(self) -> int:
        rows = [row for row in await self.workflows.unended(_ACCEPTED_LONG_AGO) if row.cancel_requested]
        return await self._each(rows, self._cancel_one)

    async def _cancel_one(self, row: WorkflowRow) -> bool:
        return await self.engine.cancel(row.workflow_id)

    async def _close_ended(self) -> int:
        return await self._each(await self.workflows.unended(_SILENT_LONG), self._close_one)

    async def _close_one(self, row: WorkflowRow) -> bool:
        view = await self.engine.describe(row.workflow_id)
        if view is None:  # the engine lost it: drive it again, settled effects come back without a charge
            await self.start(row)
            return False
        status = _ENDED_BEHIND_OUR_BACK.get(view.status)
        if status is None:
            return False
        words = f"the workflow was {view.status.replace('_', ' ')} outside this app"
        await self.stop_spending(row)
        error = {"code": f"engine_{view.status}", "detail": words}
        await self.progress.close(row.workflow_id, status, {"error": error})
        return True

    async def _store_partly_done(self) -> int:
        return await self._each(await self.workflows.partly_done(), self._store_one)

    async def _store_one(self, row: WorkflowRow) -> bool:
        events = await self.progress.read(row.workflow_id)
        kept = next((event.data["to_store"] for event in events if "to_store" in event.data), None)
        if kept is None:
            return False
        await self.store_later(kept)
        await self.progress.close(row.workflow_id, Status.DONE, {})
        return True

    async def _look_up_doubts(self) -> int:
        """Ask once more about sends that came to nothing: a sender that slept may have sent after all."""
        return await self._each(await self.ledger.doubts(policies.LOOK_UP_DOUBTS_AFTER), self._look_up_one)

    async def _look_up_one(self, doubt: Doubt) -> bool:
        find_all = self.find_all.get(doubt.provider)
        if find_all is None:
            return False
        shown = await find_all(EarlierSend(doubt.key, doubt.send.anchor, doubt.send.opened_at))
        stray = doubt.stray_among(shown)
        await self.ledger.resolve_doubt(doubt, stray)
        return stray is not None

    async def _each(self, things: Sequence[Thing], put_right: Callable[[Thing], Awaitable[bool]]) -> int:
        """Put each thing right; one that cannot be must not keep the others waiting. Without our own parts, nothing can."""
        done = 0
        for thing in things:
            try:
                done += await put_right(thing)
            except InfrastructureDown:
                raise
            except Exception as error:
                name = thing.workflow_id if isinstance(thing, WorkflowRow) else thing.key
                activity.logger.warning("could not put %s right: %s", name, type(error).__name__)
        return done
