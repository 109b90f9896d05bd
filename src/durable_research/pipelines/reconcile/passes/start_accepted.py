"""Starting workflows that were accepted and not started: the API that accepted them may have died."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

from durable_research.pipelines.reconcile import pipeline
from durable_research.pipelines.reconcile.messages import PassOutcome
from durable_research.pipelines.reconcile.passes.rows import Walk, repair_each
from durable_research.ports.database.workflows import WorkflowRow, WorkflowsToReconcile

StartWorkflow = Callable[[WorkflowRow], Awaitable[None]]


@dataclass
class StartAccepted:
    """`start` submits a row to the engine."""

    name: ClassVar = "started"
    deadline: ClassVar = pipeline.WAITED_FOR_DEADLINE

    workflows: WorkflowsToReconcile
    start: StartWorkflow
    _walk: Walk = field(default_factory=Walk, init=False)

    async def run(self) -> PassOutcome:
        due = partial(self.workflows.unstarted, pipeline.DELIVERY_OVERDUE_AFTER)
        return await repair_each(await self._walk.next(due), self._start_one)

    async def _start_one(self, row: WorkflowRow) -> bool:
        await self.start(row)
        return True
