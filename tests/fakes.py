"""One fake for each port, as small as it can be: they store in memory and can be made unreachable."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from durable_research.domain.errors import IdempotencyKeyReused, InfrastructureDown, InvalidState, NotFound
from durable_research.domain.ledger.effects import Charges, EffectKind, EffectRecord
from durable_research.domain.requests.report import Report
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.approval import ApprovalAsked, ApprovalDecision
from durable_research.domain.workflows.events import ENDS_OF_ATTEMPT, Closed, EventKind, Payload
from durable_research.domain.workflows.progress import Attempt, Draft, EngineAttempt, ProgressEvent, status_after
from durable_research.domain.workflows.workflow import Decided, Status, check_resumable
from durable_research.ports.database.progress import Waited
from durable_research.ports.database.reports import ReportFilter
from durable_research.ports.database.similarity import Related
from durable_research.ports.database.workers import KnownWorker, WorkerRow
from durable_research.ports.database.workflows import NewWorkflow, Resumption, WorkflowFilter, WorkflowRow
from durable_research.ports.engine.engine import EngineView
from durable_research.ports.engine.schedules import NewSchedule, ScheduleView
from durable_research.ports.objects import StoredObject

START = datetime(2026, 8, 1, 12, 0, tzinfo=UTC)


class Part:
    """A dependency that can go away and come back."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_away = False
        self.asked = 0

    async def check(self) -> None:
        """The Health port."""
        self.asked += 1
        if self.is_away:
            raise InfrastructureDown(f"the {self.name} does not answer")


class FakeChanges:
    """Wakes the watchers."""

    def __init__(self) -> None:
        self.watchers: dict[str, set[asyncio.Event]] = defaultdict(set)

    @asynccontextmanager
    async def watch(self, workflow_id: str) -> AsyncIterator[Callable[[float], Awaitable[bool]]]:
        changed = asyncio.Event()
        self.watchers[workflow_id].add(changed)

        async def wait(seconds: float) -> bool:
            try:
                async with asyncio.timeout(seconds):
                    await changed.wait()
            except TimeoutError:
                return False
            changed.clear()
            return True

        try:
            yield wait
        finally:
            self.watchers[workflow_id].discard(changed)

    def wake(self, workflow_id: str) -> None:
        """Something of this workflow was written."""
        for changed in self.watchers[workflow_id]:
            changed.set()


class FakeWorkflows:
    """Rows by id; the clock moves a second for each. Queries of reconciliation alone are specified on the database."""

    def __init__(self, database: Part, progress: "FakeProgressLog") -> None:
        self.database = database
        self.progress = progress
        self.rows: dict[str, WorkflowRow] = {}
        self.keys: dict[tuple[str, str], tuple[str, str]] = {}

    async def accept(self, new: NewWorkflow) -> tuple[WorkflowRow, bool]:
        await self.database.check()
        key = (new.tenant, new.idempotency_key or new.workflow_id)
        if key in self.keys:
            known_id, fingerprint = self.keys[key]
            if fingerprint != new.fingerprint:
                raise IdempotencyKeyReused("the key came with another request")
            return self.rows[known_id], True
        at = START + timedelta(seconds=len(self.rows))
        status = Status.SLEEPING if new.begins_at else Status.QUEUED
        row = WorkflowRow(
            new.workflow_id, new.kind, new.tenant, status, new.title, new.input, at, at,
            engine_started=False, cancel_requested=False, traceparent=new.traceparent,
        )  # fmt: skip
        self.rows[new.workflow_id] = row
        self.keys[key] = (new.workflow_id, new.fingerprint)
        begins = {"begins_at": new.begins_at.isoformat()} if new.begins_at else {}
        self.progress.append(new.workflow_id, EventKind.ACCEPTED, begins)
        return row, False

    async def get(self, workflow: WorkflowRef) -> WorkflowRow:
        await self.database.check()
        row = self.rows.get(workflow.workflow_id)
        if row is None or row.tenant != workflow.tenant:
            raise NotFound("there is no such workflow")
        return row

    async def get_with_log(self, workflow: WorkflowRef) -> tuple[WorkflowRow, Sequence[ProgressEvent]]:
        return await self.get(workflow), await self.progress.read(workflow.workflow_id)

    async def list(self, tenant: str, criteria: WorkflowFilter) -> Sequence[WorkflowRow]:
        await self.database.check()
        found = [
            row
            for row in self.rows.values()
            if row.tenant == tenant
            and (not criteria.statuses or row.status in criteria.statuses)
            and (criteria.kind is None or row.kind is criteria.kind)
            and (criteria.text is None or criteria.text.lower() in (row.title + str(row.input.get("prompt"))).lower())
            and (criteria.before is None or (row.created_at, row.workflow_id) < criteria.before)
        ]
        return sorted(found, key=lambda row: (row.created_at, row.workflow_id), reverse=True)[: criteria.limit]

    async def resume(self, wanted: Resumption) -> tuple[WorkflowRow, bool]:
        await self.database.check()
        row = self.rows[wanted.workflow_id]
        if row.resumption > wanted.after or (row.resumption and not row.status.is_final):
            return row, True
        check_resumable(row.status)
        self.progress.append(wanted.workflow_id, EventKind.RESUMED, wanted.payload.stored(), attempt=row.resumption + 1)
        begun = {"engine_started": False, "cancel_requested": False, "resumption": row.resumption + 1}
        return self.change(wanted.workflow_id, status=Status.QUEUED, **begun), False

    async def mark_started(self, workflow_id: str, resumption: int) -> WorkflowRow:
        return self.change(workflow_id, engine_started=True)

    async def request_cancel(self, workflow_id: str) -> None:
        await self.database.check()
        if not self.rows[workflow_id].cancel_requested:
            self.progress.append(workflow_id, EventKind.CANCEL_REQUESTED)
            self.change(workflow_id, cancel_requested=True)

    def change(self, workflow_id: str, **values: Any) -> WorkflowRow:
        """Write columns of a row."""
        self.rows[workflow_id] = replace(self.rows[workflow_id], **values)
        return self.rows[workflow_id]


class FakeProgressLog:
    """Events by workflow, a second apart."""

    def __init__(self, database: Part, changes: FakeChanges) -> None:
        self.database = database
        self.changes = changes
        self.events: dict[str, list[ProgressEvent]] = defaultdict(list)
        self.workflows: FakeWorkflows | None = None

    def append(
        self, workflow_id: str, kind: EventKind, data: Mapping[str, Any] | None = None, step: str = "", attempt: int = 0
    ) -> None:
        """Write an event."""
        log = self.events[workflow_id]
        at = START + timedelta(seconds=len(log))
        log.append(ProgressEvent(workflow_id, len(log) + 1, at, kind, step, attempt, dict(data or {})))
        self.changes.wake(workflow_id)

    async def begin_attempt(
        self,
        workflow_id: str,
        step: str,
        worker: str,
        engine: EngineAttempt,
        *,
        undoes: bool = False,
        commits: bool = False,
    ) -> Attempt:
        mine = [event for event in self.events[workflow_id] if event.step == step]
        ended = {event.attempt for event in mine if event.kind in ENDS_OF_ATTEMPT}
        started = {event.attempt: event.data for event in mine if event.kind is EventKind.ATTEMPT_STARTED}
        for number in sorted(started.keys() - ended):
            self.append(workflow_id, EventKind.ATTEMPT_LOST, started[number], step, number)
        attempt = Attempt(workflow_id, step, max(started, default=0) + 1, worker)
        self._status(workflow_id, Status.RUNNING)
        self.append(workflow_id, EventKind.ATTEMPT_STARTED, {"worker": worker}, step, attempt.number)
        return attempt

    async def end_attempt(self, attempt: Attempt, kind: EventKind, payload: Payload) -> None:
        if status := status_after(kind, payload):
            self._status(attempt.workflow_id, status)
        self.append(attempt.workflow_id, kind, payload.stored(), attempt.step, attempt.number)

    async def waited(self, workflow_id: str, step: str) -> Waited:
        return Waited()

    async def note(self, attempt: Attempt, kind: EventKind, payload: Payload) -> None:
        self.append(attempt.workflow_id, kind, payload.stored(), attempt.step, attempt.number)

    async def close(
        self,
        workflow_id: str,
        status: Status,
        closed: Closed,
        resumption: int = 0,
        *,
        unless_cancelled: bool = False,
    ) -> bool:
        # The status with the event, as one transaction would: a reader of the end must see the last event.
        self._status(workflow_id, status)
        self.append(workflow_id, EventKind.CLOSED, {"status": status} | closed.stored(), attempt=resumption)
        return True

    async def note_approval(
        self, workflow_id: str, kind: EventKind, payload: Payload, resumption: int = 0
    ) -> ApprovalAsked | ApprovalDecision | None:
        if status := status_after(kind, payload):
            self._status(workflow_id, status)
        self.append(workflow_id, kind, payload.stored())
        return ApprovalAsked.model_validate(payload.stored()) if kind is EventKind.APPROVAL_ASKED else None

    async def read(self, workflow_id: str, after_seq: int = 0) -> Sequence[ProgressEvent]:
        await self.database.check()
        return [event for event in self.events[workflow_id] if event.seq > after_seq]

    def _status(self, workflow_id: str, status: Status) -> None:
        if self.workflows is not None:
            self.workflows.change(workflow_id, status=status)


class FakeNotes:
    """An effect's notes about its attempt, in a list."""

    def __init__(self) -> None:
        self.noted: list[tuple[Attempt, EventKind, Payload]] = []

    async def note(self, attempt: Attempt, kind: EventKind, payload: Payload) -> None:
        self.noted.append((attempt, kind, payload))


class FakeDrafts:
    """The newest draft of each workflow."""

    def __init__(self, changes: FakeChanges) -> None:
        self.changes = changes
        self.drafts: dict[str, Draft] = {}
        self.dropped: list[Attempt] = []

    def show(self, attempt: Attempt, text: str) -> None:
        self.drafts[attempt.workflow_id] = Draft(attempt.workflow_id, attempt.step, attempt.number, text)
        self.changes.wake(attempt.workflow_id)

    def drop(self, attempt: Attempt) -> None:
        self.dropped.append(attempt)

    async def read(self, workflow_id: str) -> Draft | None:
        return self.drafts.get(workflow_id)


class FakeLedger:
    """Charges and records by workflow and key; the other ports of the ledger have their specification on the database."""

    def __init__(self) -> None:
        self.charged: dict[str, Charges] = {}
        self.embedded: dict[str, Charges] = {}
        self.granted: list[tuple[str, str]] = []
        self.records: dict[str, EffectRecord] = {}

    async def charges(self, workflow_id: str, kind: EffectKind = EffectKind.MODEL_CALL) -> Charges:
        return (await self.charges_by_kind(workflow_id))[kind]

    async def charges_by_kind(self, workflow_id: str) -> Mapping[EffectKind, Charges]:
        return {
            EffectKind.MODEL_CALL: self.charged.get(workflow_id, Charges()),
            EffectKind.EMBEDDING: self.embedded.get(workflow_id, Charges()),
        }

    async def read(self, keys: Sequence[str]) -> Mapping[str, EffectRecord]:
        return {key: self.records[key] for key in keys if key in self.records}

    async def grant_resend(self, workflow_id: str, step: str) -> bool:
        self.granted.append((workflow_id, step))
        return True


class FakeWorkerRegistry:
    """Workers by identity; those in `dead` are known and not live."""

    def __init__(self, database: Part) -> None:
        self.database = database
        self.workers: dict[str, WorkerRow] = {}
        self.dead: dict[str, float] = {}  # for how many seconds

    async def heartbeat(self, worker: WorkerRow) -> None:
        self.workers[worker.identity] = worker

    async def leave(self, identity: str) -> None:
        self.workers.pop(identity, None)

    async def live(self) -> Sequence[WorkerRow]:
        await self.database.check()
        return [worker for worker in self.workers.values() if worker.identity not in self.dead]

    async def known(self) -> Sequence[KnownWorker]:
        await self.database.check()
        return [
            KnownWorker(worker, self.dead.get(worker.identity, 0.5), worker.identity not in self.dead)
            for worker in self.workers.values()
        ]


class FakeEngine(Part):
    """Records its calls; `views` are its answers about a workflow."""

    def __init__(self) -> None:
        super().__init__("temporal")
        self.started: dict[str, BaseModel] = {}
        self.traceparents: dict[str, str | None] = {}
        self.cancelled: list[str] = []
        self.decided: list[tuple[str, Decided]] = []
        self.approved: list[tuple[str, ApprovalDecision]] = []
        self.unanswered: list[ApprovalDecision] = []
        self.refuses: InvalidState | None = None
        self.has_workers = True
        self.views: dict[str, EngineView] = {}
        self.histories: dict[str, list[dict[str, Any]]] = {}

    async def start(
        self,
        workflow_id: str,
        workflow_type: str,
        task_queue: str,
        message: BaseModel,
        *,
        tenant: str,
        completed_steps: Sequence[str] = (),
        resumption: int = 0,
        traceparent: str | None = None,
    ) -> None:
        await self.check()
        self.traceparents[workflow_id] = traceparent
        if resumption:
            self.started[workflow_id] = message
        self.started.setdefault(workflow_id, message)

    async def cancel(self, workflow_id: str, resumption: int = 0) -> bool:
        await self.check()
        self.cancelled.append(workflow_id)
        return workflow_id in self.started

    async def decide(self, workflow_id: str, decided: Decided) -> bool:
        await self.check()
        self.decided.append((workflow_id, decided))
        return workflow_id in self.started

    async def approve(self, workflow_id: str, decision: ApprovalDecision) -> ApprovalDecision | None:
        await self.check()
        self.approved.append((workflow_id, decision))
        if self.refuses:
            raise self.refuses
        return decision if self.has_workers else None

    async def approve_unanswered(self, workflow_id: str, decision: ApprovalDecision) -> bool:
        await self.check()
        self.unanswered.append(decision)
        return workflow_id in self.started

    async def retry_now(self, workflow_id: str) -> Sequence[str]:
        await self.check()
        view = self.views.get(workflow_id, EngineView("running"))
        return [one.step for one in view.pending if one.next_try_at]

    async def describe(self, workflow_id: str) -> EngineView | None:
        await self.check()
        return self.views.get(workflow_id)

    async def history(self, workflow_id: str) -> AsyncIterator[dict[str, Any]]:
        await self.check()
        for event in self.histories.get(workflow_id, []):
            yield event


class FakeSimilarity:
    """Neighbours by subject and model."""

    def __init__(self) -> None:
        self.neighbours: dict[tuple[str, str], list[Related]] = {}

    async def nearest(self, subject: WorkflowRef, model: str, limit: int) -> Sequence[Related]:
        return self.neighbours.get((subject.workflow_id, model), [])[:limit]


class FakeSchedules:
    """Schedules by id, each next due an hour after the start of time; nothing fires by itself."""

    def __init__(self, engine: Part) -> None:
        self.engine = engine
        self.made: dict[str, NewSchedule] = {}
        self.views: dict[str, ScheduleView] = {}

    async def create(self, new: NewSchedule) -> tuple[ScheduleView, bool]:
        await self.engine.check()
        known = new.schedule_id in self.made
        if not known:
            self.made[new.schedule_id] = new
            self.views[new.schedule_id] = ScheduleView(
                new.schedule_id, new.title, new.every, new.timezone, new.fingerprint, new.created_at,
                paused=False, failed=False, next_at=START + timedelta(hours=1), last_at=None,
            )  # fmt: skip
        return self.views[new.schedule_id], known

    async def list(self, tenant: str) -> Sequence[ScheduleView]:
        await self.engine.check()
        return [view for view in self.views.values() if self.made[view.schedule_id].tenant == tenant][::-1]

    async def pause(self, schedule_id: str, tenant: str) -> ScheduleView:
        return await self.change(schedule_id, tenant, paused=True, next_at=None)

    async def resume(self, schedule_id: str, tenant: str) -> ScheduleView:
        return await self.change(schedule_id, tenant, paused=False, failed=False, next_at=START + timedelta(hours=1))

    async def delete(self, schedule_id: str, tenant: str) -> None:
        await self.change(schedule_id, tenant)
        del self.views[schedule_id], self.made[schedule_id]

    async def change(self, schedule_id: str, tenant: str, **values: Any) -> ScheduleView:
        """Another tenant's is as unknown as none."""
        await self.engine.check()
        if schedule_id not in self.made or self.made[schedule_id].tenant != tenant:
            raise NotFound("there is no such schedule")
        self.views[schedule_id] = replace(self.views[schedule_id], **values)
        return self.views[schedule_id]


class FakeReports:
    """Reports by id."""

    def __init__(self, database: Part) -> None:
        self.database = database
        self.reports: dict[str, tuple[str, Report]] = {}

    async def store(self, report: Report, tenant: str, attempt: Attempt | None = None) -> None:
        self.reports.setdefault(report.report_id, (tenant, report))

    async def delete(self, report: WorkflowRef) -> None:
        self.reports.pop(report.workflow_id, None)

    async def get(self, report: WorkflowRef) -> Report:
        await self.database.check()
        owner, found = self.reports.get(report.workflow_id, (None, None))
        if found is None or owner != report.tenant:
            raise NotFound("there is no such report")
        return found

    async def list(self, tenant: str, criteria: ReportFilter) -> Sequence[Report]:
        await self.database.check()
        found = [
            report
            for owner, report in self.reports.values()
            if owner == tenant
            and (criteria.text is None or criteria.text.lower() in (report.title + report.prompt).lower())
            and (criteria.before is None or (report.asked_at, report.report_id) < criteria.before)
        ]
        return sorted(found, key=lambda one: (one.asked_at, one.report_id), reverse=True)[: criteria.limit]


class FakeObjects(Part):
    """Bytes by key."""

    def __init__(self) -> None:
        super().__init__("object store")
        self.objects: dict[str, bytes] = {}

    async def put(self, key: str, data: bytes) -> None:
        self.objects.setdefault(key, data)

    async def get(self, key: str) -> bytes:
        await self.check()
        if key not in self.objects:
            raise NotFound("there is no such object")
        return self.objects[key]

    async def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        await self.check()
        for key in self.objects:
            if key.startswith(prefix):
                yield StoredObject(key, START)

    async def delete(self, key: str) -> None:
        await self.check()
        self.objects.pop(key, None)
