"""Storing the row that a partly done workflow could not store, which makes it done."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from durable_research.descriptor import StoresLate
from durable_research.domain.workflows.events import Closed
from durable_research.domain.workflows.progress import closing_of
from durable_research.domain.workflows.workflow import Kind, Status
from durable_research.pipelines.reconcile import pipeline
from durable_research.pipelines.reconcile.messages import PassOutcome
from durable_research.pipelines.reconcile.passes.rows import Walk, repair_each
from durable_research.ports.database.progress import ProgressLog
from durable_research.ports.database.workflows import WorkflowRow, WorkflowsToReconcile


@dataclass
class StoreLate:
    """`late` are the activities of the kinds whose rows can be stored late."""

    name: ClassVar = "stored"
    deadline: ClassVar = pipeline.WAITED_FOR_DEADLINE

    workflows: WorkflowsToReconcile
    progress: ProgressLog
    late: Mapping[Kind, StoresLate]
    _walk: Walk = field(default_factory=Walk, init=False)

    async def run(self) -> PassOutcome:
        return await repair_each(await self._walk.next(self.workflows.partly_done), self._store_one)

    async def _store_one(self, row: WorkflowRow) -> bool:
        late = self.late.get(row.kind)
        if late is None or not await late.store_late(closing_of(await self.progress.read(row.workflow_id))):
            return False
        await self.progress.close(row.workflow_id, Status.DONE, Closed(), row.resumption)
        return True
