"""The Workflows port on PostgreSQL: the authority on what was accepted."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Row,
    Update,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_or_ignore
from sqlalchemy.ext.asyncio import AsyncConnection

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.log.events import EVENT, LockedLog, event_of
from durable_research.adapters.database.tables import idempotency_keys, progress_events, reports, workflows
from durable_research.domain.errors import IdempotencyKeyReused, InvalidState, NotFound
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.events import (
    ENDS_OF_ATTEMPT,
    Accepted,
    EventKind,
    OfWorker,
    Payload,
    ResumedWith,
)
from durable_research.domain.workflows.progress import ProgressEvent
from durable_research.domain.workflows.workflow import FINAL, Kind, Status, check_resumable
from durable_research.ports.database.workflows import NewWorkflow, Page, Resumption, WorkflowFilter, WorkflowRow
from durable_research.telemetry.meter import NO_METER, Meter
from durable_research.telemetry.metrics import WORKFLOWS_ACCEPTED

# Listed by name, so that PostgreSQL uses the index on the status: nearly all rows have ended.
_UNENDED = [str(status) for status in Status if status not in FINAL]
_IS_UNENDED = workflows.c.status.in_(_UNENDED)
# Built once, like the statements of `events.py`: every step begins with the first.
_GET = select(workflows).where(
    workflows.c.workflow_id == bindparam("of_workflow"), workflows.c.tenant == bindparam("of_tenant")
)
# The transaction that accepts a workflow also writes its first event, so the join loses none. Only that line carries the
# input, which may be long and would otherwise repeat with each event.
_WITH_LOG = (
    select(
        *(column for column in workflows.c if column is not workflows.c.input),
        case((progress_events.c.seq == 1, workflows.c.input)).label("input"),
        *EVENT,
    )
    .join_from(workflows, progress_events)
    .where(workflows.c.workflow_id == bindparam("of_workflow"), workflows.c.tenant == bindparam("of_tenant"))
    .order_by(progress_events.c.seq)
)
_MARK_STARTED = (
    update(workflows)
    .where(workflows.c.workflow_id == bindparam("of_workflow"), workflows.c.resumption == bindparam("of_resumption"))
    .values(engine_started=True)
)
_ROW = select(workflows).where(workflows.c.workflow_id == bindparam("of_workflow"))
_LEFT_OPEN = (
    select(
        progress_events.c.step,
        progress_events.c.attempt,
        func.max(progress_events.c.data["worker"].astext).label("worker"),
    )
    .where(progress_events.c.workflow_id == bindparam("of_workflow"), progress_events.c.step != "")
    .group_by(progress_events.c.step, progress_events.c.attempt)
    .having(func.bool_and(progress_events.c.kind.not_in(ENDS_OF_ATTEMPT)))
    .order_by(progress_events.c.step, progress_events.c.attempt)
)
_RESUMED = select(progress_events.c.data).where(
    progress_events.c.workflow_id == bindparam("of_workflow"),
    progress_events.c.kind == EventKind.RESUMED,
    progress_events.c.attempt == bindparam("of_resumption"),
)


def words_pattern(text: str) -> str:
    """Make a LIKE pattern that finds the text literally."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def titled_as(made: Column[str], workflow_id: str) -> Update:
    """Give the workflow the title of its report or post: lists, pages and messages read the title there."""
    title = select(made.table.c.title).where(made == workflow_id).scalar_subquery()
    return update(workflows).where(workflows.c.workflow_id == workflow_id).values(title=title)


def _row(row: "Row[*tuple[Any, ...]]") -> WorkflowRow:
    return WorkflowRow(
        row.workflow_id,
        Kind(row.kind),
        row.tenant,
        Status(row.status),
        row.title,
        row.input,
        row.created_at,
        row.updated_at,
        row.engine_started,
        row.cancel_requested,
        row.resumption,
        row.traceparent,
    )


def _silent(for_at_least: timedelta) -> tuple[ColumnElement[bool], ...]:
    columns = workflows.c
    return _IS_UNENDED, columns.engine_started.is_(True), columns.updated_at < func.clock_timestamp() - for_at_least


class PostgresWorkflows:
    """Accepted workflows of every kind."""

    def __init__(self, database: Database, meter: Meter = NO_METER) -> None:
        self._database = database
        self._meter = meter

    async def accept(self, new: NewWorkflow) -> tuple[WorkflowRow, bool]:
        """Write the row, its key and its first event in one transaction."""
        async with self._database.begin() as connection:
            if new.idempotency_key is not None:
                known = await self._claim_key(connection, new)
                if known is not None:
                    return known, True
            values = {
                "workflow_id": new.workflow_id,
                "kind": new.kind,
                "tenant": new.tenant,
                "status": Status.SLEEPING if new.begins_at else Status.QUEUED,
                "title": new.title,
                "input": new.input,
                "traceparent": new.traceparent,
            }
            # No other transaction sees the row before the commit, so it needs no lock for its first event.
            row = (await connection.execute(insert(workflows).values(values).returning(workflows))).one()
            log = LockedLog(connection, row)
            begins = {"begins_at": new.begins_at} if new.begins_at else {}
            log.append(EventKind.ACCEPTED, Accepted(title=new.title, **begins))
            await log.finish()
        self._meter.count(WORKFLOWS_ACCEPTED, kind=new.kind)
        return _row(row), False

    async def _claim_key(self, connection: AsyncConnection, new: NewWorkflow) -> WorkflowRow | None:
        """Claim the key for this workflow, or return the workflow that has it (after waiting for a concurrent start)."""
        keys = idempotency_keys.c
        statement = insert_or_ignore(idempotency_keys).values(
            tenant=new.tenant,
            kind=new.kind,
            key=new.idempotency_key,
            fingerprint=new.fingerprint,
            workflow_id=new.workflow_id,
        )
        inserted = await connection.execute(statement.on_conflict_do_nothing().returning(keys.workflow_id))
        if inserted.first() is not None:
            return None
        scope = and_(keys.tenant == new.tenant, keys.kind == new.kind, keys.key == new.idempotency_key)
        key = (await connection.execute(select(idempotency_keys).where(scope))).one()
        if key.fingerprint != new.fingerprint:
            raise IdempotencyKeyReused("this Idempotency-Key was used for another request; send a new key")
        query = select(workflows).where(workflows.c.workflow_id == key.workflow_id)
        return _row((await connection.execute(query)).one())

    async def get(self, workflow: WorkflowRef) -> WorkflowRow:
        async with self._database.one() as connection:
            row = (await connection.execute(_GET, _named(workflow))).one_or_none()
        if row is None:
            raise NotFound("there is no such workflow")
        return _row(row)

    async def get_with_log(self, workflow: WorkflowRef) -> tuple[WorkflowRow, Sequence[ProgressEvent]]:
        """Read one of this tenant's workflows and its events."""
        async with self._database.one() as connection:
            rows = (await connection.execute(_WITH_LOG, _named(workflow))).all()
        if not rows:
            raise NotFound("there is no such workflow")
        return _row(rows[0]), [event_of(row) for row in rows]

    async def list(self, tenant: str, criteria: WorkflowFilter) -> Sequence[WorkflowRow]:
        columns = workflows.c
        query = select(workflows).where(columns.tenant == tenant)
        if criteria.statuses:
            query = query.where(columns.status.in_([str(status) for status in criteria.statuses]))
        if criteria.kind:
            query = query.where(columns.kind == criteria.kind)
        if criteria.text:
            pattern = words_pattern(criteria.text)
            query = query.where(or_(columns.title.ilike(pattern), columns.input["prompt"].astext.ilike(pattern)))
        if criteria.before:
            query = query.where(tuple_(columns.created_at, columns.workflow_id) < tuple_(*criteria.before))
        query = query.order_by(columns.created_at.desc(), columns.workflow_id.desc()).limit(criteria.limit)
        return await self._rows(query)

    async def resume(self, request: Resumption) -> tuple[WorkflowRow, bool]:
        """Write the event, close open attempts, and mark the workflow as not started in the engine: one transaction."""
        async with self._database.begin() as connection:
            log = await LockedLog.lock(connection, request.workflow_id)
            is_replay = await self._is_resumed_so(connection, log, request)
            if not is_replay:
                check_resumable(log.status)
                for left in await connection.execute(_LEFT_OPEN, {"of_workflow": request.workflow_id}):
                    log.append(EventKind.ATTEMPT_LOST, OfWorker(worker=left.worker), left.step, left.attempt)
                if request.payload.texts or request.payload.generation:
                    # Ended from outside when its row was stored: now the text is a different one.
                    await connection.execute(delete(reports).where(reports.c.report_id == request.workflow_id))
                log.resumption += 1
                log.append(EventKind.RESUMED, request.payload)
                await log.finish(
                    Status.SLEEPING if request.begins_at else Status.QUEUED,
                    resumption=log.resumption,
                    engine_started=False,
                    cancel_requested=False,
                )
            row = (await connection.execute(_ROW, {"of_workflow": request.workflow_id})).one()
        return _row(row), is_replay

    @staticmethod
    async def _is_resumed_so(connection: AsyncConnection, log: LockedLog, request: Resumption) -> bool:
        """Whether it was resumed with this text after the request was made, or before and has no end yet."""
        if log.resumption == request.after and (log.status.is_final or not log.resumption):
            return False
        scope = {"of_workflow": request.workflow_id, "of_resumption": log.resumption}
        known = ResumedWith.model_validate((await connection.execute(_RESUMED, scope)).scalar_one())
        if known.texts != request.payload.texts:
            raise InvalidState("the workflow has been resumed already, with another text")
        return True

    async def mark_started(self, workflow_id: str, resumption: int) -> WorkflowRow:
        """Note that the engine has this resumption; a later one is still to be started."""
        scope = {"of_workflow": workflow_id, "of_resumption": resumption}
        async with self._database.begin() as connection:
            await connection.execute(_MARK_STARTED, scope)
            return _row((await connection.execute(_ROW, {"of_workflow": workflow_id})).one())

    async def request_cancel(self, workflow_id: str) -> None:
        """Note the request to cancel, with an event, once."""
        async with self._database.begin() as connection:
            log = await LockedLog.lock(connection, workflow_id)
            if log.status.is_final or EventKind.CANCEL_REQUESTED in await log.kinds():
                return
            log.append(EventKind.CANCEL_REQUESTED, Payload())
            await log.finish(cancel_requested=True)

    async def unstarted(self, older_than: timedelta, page: Page) -> Sequence[WorkflowRow]:
        """List workflows accepted, not ended, not known to the engine."""
        columns = workflows.c
        is_old = columns.created_at < func.clock_timestamp() - older_than
        return await self._due(page, _IS_UNENDED, columns.engine_started.is_(False), is_old)

    async def unended(self, older_than: timedelta, page: Page) -> Sequence[WorkflowRow]:
        """List workflows known to the engine, not ended, unchanged for that long."""
        return await self._due(page, *_silent(older_than))

    async def undelivered_cancels(self, older_than: timedelta, page: Page) -> Sequence[WorkflowRow]:
        """List those of `unended` with a request to cancel."""
        return await self._due(page, *_silent(older_than), workflows.c.cancel_requested.is_(True))

    async def partly_done(self, page: Page) -> Sequence[WorkflowRow]:
        return await self._due(page, workflows.c.status == str(Status.PARTLY_DONE))

    async def _due(self, page: Page, *conditions: ColumnElement[bool]) -> Sequence[WorkflowRow]:
        query = select(workflows).where(*conditions, workflows.c.workflow_id > page.after)
        return await self._rows(query.order_by(workflows.c.workflow_id).limit(page.limit))

    async def _rows(self, query: Any) -> Sequence[WorkflowRow]:
        async with self._database.one() as connection:
            return [_row(row) for row in await connection.execute(query)]


def _named(workflow: WorkflowRef) -> Mapping[str, str]:
    return {"of_workflow": workflow.workflow_id, "of_tenant": workflow.tenant}
