"""Reading workflows: lists, statuses, results, the events to follow, the Event History."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from durable_research.catalogue import BY_KIND
from durable_research.domain.caller import Caller
from durable_research.domain.errors import InfrastructureDown, NotReady
from durable_research.domain.ledger.effects import Charges, EffectKind
from durable_research.domain.workflows.events import EventKind
from durable_research.domain.workflows.progress import (
    Draft,
    ProgressEvent,
    StepState,
    StepView,
    closing_of,
    steps_after,
)
from durable_research.domain.workflows.workflow import Status
from durable_research.operations.reading.pending_decisions import pending_decision
from durable_research.operations.reading.recoverable import EndedWithoutResult
from durable_research.operations.reading.status import WorkflowResult, WorkflowStatus
from durable_research.operations.reading.waiting import waits_for
from durable_research.ports.database.ledger import ChargeReader
from durable_research.ports.database.progress import Changes, Drafts, ProgressLog
from durable_research.ports.database.workers import WorkerRegistry
from durable_research.ports.database.workflows import WorkflowFilter, WorkflowRow, Workflows
from durable_research.ports.engine.engine import EngineView, WorkflowEngine

# A proxy drops a silent connection after 60 s at the earliest; a reader also notices a missed wake-up within this time.
_KEEP_ALIVE_SECONDS = 15.0


@dataclass
class Reading:
    """Needs no worker; reads the engine only for live details (next retry, worker) and the Event History."""

    workflows: Workflows
    progress: ProgressLog
    drafts: Drafts
    ledger: ChargeReader
    workers: WorkerRegistry
    changes: Changes
    engine: WorkflowEngine
    ui_prefix: str | None = None

    async def get(self, workflow_id: str, caller: Caller) -> WorkflowRow:
        """One workflow.

        Raises:
            NotFound: malformed, unknown or another tenant's id; the error does not say which.
        """
        return await self.workflows.get(caller.workflow(workflow_id))

    async def list(self, caller: Caller, criteria: WorkflowFilter) -> Sequence[WorkflowRow]:
        """Newest first."""
        return await self.workflows.list(caller.tenant, criteria)

    async def with_log(self, workflow_id: str, caller: Caller) -> tuple[WorkflowRow, Sequence[ProgressEvent]]:
        """One workflow and all its events so far, read together so that they agree.

        Raises:
            NotFound: as for `get`.
        """
        return await self.workflows.get_with_log(caller.workflow(workflow_id))

    async def status(self, workflow_id: str, caller: Caller) -> WorkflowStatus:
        """The status from the log, completed with the engine's current view of running steps."""
        row, events = await self.with_log(workflow_id, caller)
        steps = steps_after(tuple(BY_KIND[row.kind].steps), events)
        live = await self.live_workers()
        view, reachable = None, True
        if not row.status.is_final:
            try:
                view = await self.engine.describe(workflow_id)
            except InfrastructureDown:
                reachable = False
            if view is None or view.resumption == row.resumption:
                _complete(steps, view, live)
        charges = await self.ledger.charges_by_kind(workflow_id)
        pending = pending_decision(row, events)
        return WorkflowStatus(
            row,
            events,
            steps,
            charges.get(EffectKind.MODEL_CALL, Charges()),
            charges.get(EffectKind.EMBEDDING, Charges()),
            live,
            reachable,
            pending,
            waits_for(row, len(live), pending, events, reachable=reachable),
            self._ui(workflow_id),
        )

    async def result(self, workflow_id: str, caller: Caller) -> WorkflowResult:
        """The result of a finished workflow, as its closing event holds it.

        Raises:
            NotReady: it is still running.
            InvalidState: it ended without a result.
        """
        row, events = await self.with_log(workflow_id, caller)
        check_has_result(row)
        closing = closing_of(events)
        return WorkflowResult(
            row,
            tuple(closing.texts),
            closing.pages,
            closing.notified,
            closing.not_notified,
            closing.notification_error,
        )

    async def events(
        self, workflow_id: str, caller: Caller, after_seq: int
    ) -> AsyncGenerator[ProgressEvent | Draft | None, None]:
        """Follow a workflow's events after `after_seq` to its end; yields None when nothing happened for a while.

        The log's events come once each and in order. Drafts come between them while the text is being written.
        """
        last_draft: Draft | None = None
        async with self.changes.watch(workflow_id) as changed:
            # The row first: when it is final, the log that is read next holds all its events.
            ended = (await self.workflows.get(caller.workflow(workflow_id))).status.is_final
            while True:
                events = await self.progress.read(workflow_id, after_seq)
                for event in events:
                    after_seq = event.seq
                    ended = event.kind is not EventKind.RESUMED and (ended or event.kind is EventKind.CLOSED)
                    yield event
                if ended:
                    return
                if not events:
                    draft = await self.drafts.read(workflow_id)
                    if draft and draft != last_draft:
                        last_draft = draft
                        yield draft
                if not await changed(_KEEP_ALIVE_SECONDS):
                    yield None

    async def live_workers(self) -> tuple[str, ...]:
        """The identities of the workers that are alive now."""
        return tuple(worker.identity for worker in await self.workers.live())

    async def history(self, workflow_id: str, caller: Caller) -> Sequence[dict[str, Any]]:
        """The Event History as the engine stores it.

        Raises:
            InfrastructureDown: the engine is out of reach.
        """
        await self.get(workflow_id, caller)
        return [event async for event in self.engine.history(workflow_id)]

    def _ui(self, workflow_id: str) -> str | None:
        return f"{self.ui_prefix}/{workflow_id}" if self.ui_prefix else None


def check_has_result(row: WorkflowRow) -> None:
    """Refuse to read the result of a workflow that has none.

    Raises:
        NotReady: it is still running.
        EndedWithoutResult: it has ended with another status.
    """
    if not row.status.is_final:
        raise NotReady(f"the workflow is {row.status.words}")
    if row.status not in {Status.DONE, Status.PARTLY_DONE}:
        raise EndedWithoutResult(row, "there is no result")


def _complete(steps: Sequence[StepView], view: EngineView | None, live: Sequence[str]) -> None:
    """Add each step's worker and next retry from the engine; a running step whose worker is dead is shown as retrying."""
    pending = {one.step: one for one in view.pending} if view else {}
    for step in steps:
        if step.name in pending and step.state in {StepState.RUNNING, StepState.RETRYING, StepState.PENDING}:
            step.next_try_at = pending[step.name].next_try_at
            step.worker = pending[step.name].worker or step.worker
            if step.next_try_at and step.state is StepState.RUNNING and step.worker not in live:
                step.state = StepState.RETRYING
