"""Forwarding cancellations that the engine has not received: it was away when a person cancelled."""

from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

from durable_research.pipelines.reconcile import pipeline
from durable_research.pipelines.reconcile.messages import PassOutcome
from durable_research.pipelines.reconcile.passes.rows import Walk, repair_each
from durable_research.ports.database.workflows import WorkflowRow, WorkflowsToReconcile
from durable_research.ports.engine.engine import WorkflowEngine


@dataclass
class ForwardCancels:
    """Repeats a cancellation until the workflow has ended."""

    name: ClassVar = "cancelled"
    deadline: ClassVar = pipeline.WAITED_FOR_DEADLINE

    workflows: WorkflowsToReconcile
    engine: WorkflowEngine
    _walk: Walk = field(default_factory=Walk, init=False)

    async def run(self) -> PassOutcome:
        due = partial(self.workflows.undelivered_cancels, pipeline.DELIVERY_OVERDUE_AFTER)
        return await repair_each(await self._walk.next(due), self._cancel_one)

    async def _cancel_one(self, row: WorkflowRow) -> bool:
        return await self.engine.cancel(row.workflow_id, row.resumption)
