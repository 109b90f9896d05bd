"""Reading what goes on: lists, the status body, results, the events to follow, the Event History."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from durable_research.catalogue import BY_KIND, page_of
from durable_research.domain.errors import InfrastructureDown, InvalidState, NotFound, NotReady
from durable_research.domain.ledger.effects import Charges
from durable_research.domain.shapes import FailureBody
from durable_research.domain.workflows.progress import (
    Draft,
    EventKind,
    ProgressEvent,
    StepState,
    StepView,
    closing_of,
    steps_after,
)
from durable_research.domain.workflows.remedies import remedy_for
from durable_research.domain.workflows.workflow import Kind, Status, kind_of
from durable_research.operations.reading.bodies import ChargesBody, ErrorBody, StatusBody, StepBody
from durable_research.operations.reading.pending_decisions import open_approval, open_question
from durable_research.operations.reading.recoverable import can_be_resumed, words_of
from durable_research.operations.reading.waiting import waits_for
from durable_research.ports.database.ledger import Effects
from durable_research.ports.database.progress import Changes, Drafts, ProgressLog
from durable_research.ports.database.workers import WorkerRegistry
from durable_research.ports.database.workflows import WorkflowFilter, WorkflowRow, Workflows
from durable_research.ports.engine.engine import EngineView, WorkflowEngine

# A proxy drops a silent connection after 60 s at the least; a reader also notices a missed wake-up this soon.
_KEEP_ALIVE_SECONDS = 15.0


@dataclass
class Reading:
    """Needs no worker, and no engine for anything but what changes by the second."""

    workflows: Workflows
    progress: ProgressLog
    drafts: Drafts
    effects: Effects
    workers: WorkerRegistry
    changes: Changes
    engine: WorkflowEngine
    ui_prefix: str | None = None

    async def get(self, workflow_id: str, tenant: str) -> WorkflowRow:
        """One workflow.

        Raises:
            NotFound: malformed, unknown or another tenant's id: never told apart.
        """
        if kind_of(workflow_id) is None:
            raise NotFound("there is no such workflow")
        return await self.workflows.get(workflow_id, tenant)

    async def list(self, tenant: str, which: WorkflowFilter) -> Sequence[WorkflowRow]:
        """Newest first."""
        return await self.workflows.list(tenant, which)

    async def status(self, workflow_id: str, tenant: str) -> StatusBody:
        """The status body: the log's steps, completed by what the engine says this second."""
        row = await self.get(workflow_id, tenant)
        events = await self.progress.read(workflow_id)
        steps = steps_after(tuple(BY_KIND[row.kind].steps), events)
        live = await self.workers.live()
        view, reachable = None, True
        if not row.status.is_final:
            try:
                view = await self.engine.describe(workflow_id)
            except InfrastructureDown:
                reachable = False
            if view is None or view.resumption == row.resumption:
                _complete(steps, view, [worker.identity for worker in live])
        charges = await self.effects.charges(workflow_id)
        embedding_charges = await self.effects.charges(workflow_id, "embedding")
        asked = open_question(row, events) or open_approval(row, events)
        error = closing_of(events).get("error")
        return {
            "workflow_id": workflow_id,
            "kind": row.kind,
            "page_url": page_of(workflow_id, row.kind),
            "status": row.status,
            "title": row.title,
            "created_at": row.created_at.isoformat(),
            "updated_at": row.updated_at.isoformat(),
            "steps": [_step_body(step) for step in steps],
            "charges": _charges_body(charges),
            "embedding_charges": _charges_body(embedding_charges),
            "workers": {"live": len(live), "identities": [worker.identity for worker in live]},
            "engine": "reachable" if reachable else "unreachable",
            "cancel_requested": row.cancel_requested,
            "asks": asked.as_json() if asked else None,
            "waits_for": waits_for(row, len(live), asked, events, reachable=reachable),
            "error": _explained(error, resumable=can_be_resumed(row)) if error else None,
            "resumption": row.resumption,
            "last_seq": events[-1].seq if events else 0,
            "temporal_ui_url": self._ui(workflow_id),
        }

    async def result(self, workflow_id: str, tenant: str) -> dict[str, Any]:
        """The result of a finished workflow: ids and what the closing event says.

        Raises:
            NotReady: it is still running.
            InvalidState: it ended without a result.
        """
        row = await self.get(workflow_id, tenant)
        if not row.status.is_final:
            raise NotReady(f"the workflow is {row.status.words}")
        if row.status not in {Status.DONE, Status.PARTLY_DONE}:
            raise InvalidState(f"{words_of(row)}; there is no result")
        events = await self.progress.read(workflow_id)
        closing = closing_of(events)
        shown = {
            name: closing[name]
            for name in ("pages", "notified", "not_notified", "notification_error")
            if name in closing
        }
        texts = {name: f"/api/workflows/{workflow_id}/texts/{name}" for name in closing.get("texts", {})}
        made: dict[str, Any] = {f"{row.kind}_id": workflow_id, "status": row.status}
        if row.kind is Kind.REPORT:
            made["title"] = row.title
        if texts:
            made["texts"] = texts
        return {"workflow_id": workflow_id} | made | shown

    async def events(
        self, workflow_id: str, tenant: str, after_seq: int
    ) -> AsyncGenerator[ProgressEvent | Draft | None, None]:
        """Follow a workflow from after `after_seq` to its end; None when nothing happened for a while.

        The log's events come once each and in order. Drafts come between them while the text is being written.
        """
        shown: Draft | None = None
        async with self.changes.watch(workflow_id) as changed:
            # The row first: what is final now has all its events in the log that is read next.
            ended = (await self.workflows.get(workflow_id, tenant)).status.is_final
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
                    if draft and draft != shown:
                        shown = draft
                        yield draft
                if not await changed(_KEEP_ALIVE_SECONDS):
                    yield None

    async def log(self, workflow_id: str, tenant: str) -> Sequence[ProgressEvent]:
        """All events so far.

        Raises:
            NotFound: as for `get`.
        """
        await self.get(workflow_id, tenant)
        return await self.progress.read(workflow_id)

    async def last_seq(self, workflow_id: str) -> int:
        """The number of the newest event."""
        events = await self.progress.read(workflow_id)
        return events[-1].seq if events else 0

    async def live_workers(self) -> int:
        """How many workers are alive."""
        return len(await self.workers.live())

    async def history(self, workflow_id: str, tenant: str) -> Sequence[dict[str, Any]]:
        """The Event History as the engine keeps it.

        Raises:
            InfrastructureDown: the engine is out of reach.
        """
        await self.get(workflow_id, tenant)
        return [event async for event in self.engine.history(workflow_id)]

    def _ui(self, workflow_id: str) -> str | None:
        return f"{self.ui_prefix}/{workflow_id}" if self.ui_prefix else None


def _explained(error: FailureBody, *, resumable: bool) -> ErrorBody:
    """The error and what mends it."""
    remedy = remedy_for(error["code"])
    return {**error, "remedy": remedy.as_json(resumable=resumable) if remedy else None}


def _complete(steps: Sequence[StepView], view: EngineView | None, live: Sequence[str]) -> None:
    """Add what only the engine knows now, holder and next try; and what the registry knows: a holder that is gone."""
    pending = {one.step: one for one in view.pending} if view else {}
    for step in steps:
        if step.name in pending and step.state in {StepState.RUNNING, StepState.RETRYING, StepState.PENDING}:
            step.next_try_at = pending[step.name].next_try_at
            step.worker = pending[step.name].worker or step.worker
            if step.next_try_at and step.state is StepState.RUNNING and step.worker not in live:
                step.state = StepState.RETRYING


def _charges_body(charges: Charges) -> ChargesBody:
    return {"settled": charges.settled, "possible_extra": charges.possible_extra}


def _step_body(step: StepView) -> StepBody:
    def time(at: datetime | None) -> str | None:
        return at.isoformat() if at else None

    return {
        "name": step.name,
        "state": step.state,
        "attempt": step.attempt,
        "worker": step.worker,
        "started_at": time(step.started_at),
        "ended_at": time(step.ended_at),
        "next_try_at": time(step.next_try_at),
        "last_error": step.last_error,
        "left_out": step.left_out,
    }
