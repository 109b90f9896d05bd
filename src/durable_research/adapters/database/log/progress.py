"""The ProgressLog port on PostgreSQL."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.log.attempts import ATTEMPTS, AttemptHistory
from durable_research.adapters.database.log.events import EVENT, LockedLog, event_of
from durable_research.adapters.database.tables import drafts, progress_events
from durable_research.domain.documents.text import WrittenText
from durable_research.domain.errors import CancelRequested, InvalidState, StaleAttempt
from durable_research.domain.workflows.approval import ApprovalAsked, ApprovalDecision, decision_of
from durable_research.domain.workflows.events import (
    ENDS_OF_APPROVAL,
    ENDS_OF_ATTEMPT,
    UNDOES,
    ApprovalDecided,
    ApprovalOpened,
    AttemptStarted,
    Closed,
    EventKind,
    OfWorker,
    Payload,
    ResumedWith,
    payload_of,
)
from durable_research.domain.workflows.progress import Attempt, EngineAttempt, ProgressEvent, status_after
from durable_research.domain.workflows.workflow import RESUMABLE, Status, check_transition
from durable_research.ports.database.progress import Waited

# Built once, like the statements of `events.py`.
_DATA_OF_KIND = select(progress_events.c.data).where(
    progress_events.c.workflow_id == bindparam("of_workflow"),
    progress_events.c.kind == bindparam("of_kind"),
    progress_events.c.attempt == bindparam("of_resumption"),
)
# A decision about a draft stays valid after a resumption, too.
_TEXT_DECISIONS = (
    select(progress_events.c.kind, progress_events.c.data)
    .where(
        progress_events.c.workflow_id == bindparam("of_workflow"),
        progress_events.c.kind.in_([EventKind.APPROVAL_GIVEN, EventKind.RESUMED]),
    )
    .order_by(progress_events.c.seq)
)
_DELETE_DRAFTS = delete(drafts).where(drafts.c.workflow_id == bindparam("of_workflow"))
_DELETE_DRAFTS_OF_STEP = _DELETE_DRAFTS.where(drafts.c.step == bindparam("of_step"))
_READ = (
    select(progress_events.c.workflow_id, *EVENT)
    .where(progress_events.c.workflow_id == bindparam("of_workflow"), progress_events.c.seq > bindparam("after"))
    .order_by(progress_events.c.seq)
)


class PostgresProgressLog:
    """Events of all workflows, each workflow's under its own row lock."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
        """Close earlier open attempts as lost, and start the next one."""
        async with self._database.begin() as connection:
            log = await LockedLog.lock(connection, workflow_id)
            if engine.resumption != log.resumption:
                raise _stale_run(step)
            if log.status.is_final:
                raise InvalidState(f"the workflow is {log.status.words}; its steps run no more")
            history = AttemptHistory((await connection.execute(ATTEMPTS, {"of_workflow": workflow_id})).all())
            # Completed steps replay even then: a run that begins after a lost one must learn which steps it has to compensate.
            if log.cancel_requested and not (undoes or commits or history.is_done(step)):
                raise CancelRequested("a person asked for the workflow to be cancelled")
            if history.is_compensating_in(engine) and not undoes:
                raise InvalidState(f"the workflow is being taken back; {step} runs no more")
            if history.has_begun_after(step, engine):
                raise StaleAttempt(f"a later attempt of {step} has begun; this one was frozen on the way")
            # A compensation closes all open attempts, so that a worker frozen in another step finds its attempt closed, too.
            for name, number in history.left_open(None if undoes else step):
                lost = OfWorker(worker=history.started[name, number].worker)
                log.append(EventKind.ATTEMPT_LOST, lost, name, number)
            waits = history.wait(step) is not None
            attempt = Attempt(workflow_id, step, history.last(step) + 1, worker, history.failures(step), waits)
            begun = AttemptStarted(worker=worker, engine_run=engine.run_id, engine_attempt=engine.number)
            started = begun.model_copy(update={UNDOES: True}) if undoes else begun
            log.append(EventKind.ATTEMPT_STARTED, started, step, attempt.number)
            await log.finish(Status.RUNNING)
        return attempt

    async def end_attempt(self, attempt: Attempt, kind: EventKind, payload: Payload) -> None:
        """Close this attempt; a repeat of the same end changes nothing."""
        async with self._database.begin() as connection:
            log = await LockedLog.lock(connection, attempt.workflow_id)
            if log.status.is_final:
                return  # the log has been closed and never changes again
            if kind in await log.kinds(attempt.step, attempt.number):
                return
            await log.check_open(attempt)
            log.append(kind, payload, attempt.step, attempt.number)
            await log.finish(status_after(kind, payload))
            if kind is EventKind.ATTEMPT_COMPLETED:  # its text is stored, and readers get that
                step = {"of_workflow": attempt.workflow_id, "of_step": attempt.step}
                await connection.execute(_DELETE_DRAFTS_OF_STEP, step)

    async def note(self, attempt: Attempt, kind: EventKind, payload: Payload) -> None:
        """Write an event within an attempt, once."""
        async with self._database.begin() as connection:
            log = await LockedLog.lock(connection, attempt.workflow_id)
            known = await log.kinds(attempt.step, attempt.number)
            if not log.status.is_final and not known & {kind, *ENDS_OF_ATTEMPT}:
                log.append(kind, payload, attempt.step, attempt.number)
                await log.finish()

    async def waited(self, workflow_id: str, step: str) -> Waited:
        """Read for how long the step has waited for its provider, by the database's clock."""
        async with self._database.one() as connection:
            return AttemptHistory((await connection.execute(ATTEMPTS, {"of_workflow": workflow_id})).all()).waited(step)

    async def close(
        self,
        workflow_id: str,
        status: Status,
        closed: Closed,
        resumption: int = 0,
        *,
        unless_cancelled: bool = False,
    ) -> bool:
        """Write the end once; an existing end never changes, except from partly done to done."""
        async with self._database.begin() as connection:
            log = await LockedLog.lock(connection, workflow_id)
            if resumption != log.resumption:
                return True
            later = log.status is Status.PARTLY_DONE and status is Status.DONE
            if log.status.is_final and not later:
                return True
            if unless_cancelled and log.cancel_requested:
                return False
            check_transition(log.status, status)
            kind = EventKind.STORED_LATER if later else EventKind.CLOSED
            log.append(kind, closed.model_copy(update={"status": status}))
            await log.finish(status)
            # A workflow that has ended has no followers, and a compensated one has no text. The draft of a failed one may be
            # all that is left of a paid call.
            if status not in RESUMABLE:
                await connection.execute(_DELETE_DRAFTS, {"of_workflow": workflow_id})
        return True

    async def note_approval(
        self, workflow_id: str, kind: EventKind, payload: Payload, resumption: int = 0
    ) -> ApprovalAsked | ApprovalDecision | None:
        """Write the event with its status; after a decision, later questions and decisions are ignored."""
        async with self._database.begin() as connection:
            log = await LockedLog.lock(connection, workflow_id)
            if resumption != log.resumption:
                raise _stale_run("an approval")
            known = await log.kinds()
            if ends := known & ENDS_OF_APPROVAL:
                return decision_of(ApprovalDecided.model_validate(await _data_of(connection, log, ends.pop())))
            if isinstance(payload, ApprovalOpened) and resumption and kind not in known:
                before = await _approved_before(connection, log, payload.draft_sha256)
                if before:
                    return decision_of(before)
            if not log.status.is_final:
                if kind not in known:
                    log.append(kind, payload)
                await log.finish(status_after(kind, payload))
            if kind is not EventKind.APPROVAL_ASKED:
                return None
            first = await _data_of(connection, log, kind) if kind in known else payload.stored()
        return ApprovalAsked.model_validate(first)

    async def read(self, workflow_id: str, after_seq: int = 0) -> Sequence[ProgressEvent]:
        async with self._database.one() as connection:
            rows = (await connection.execute(_READ, {"of_workflow": workflow_id, "after": after_seq})).all()
        return [event_of(row) for row in rows]


async def _data_of(connection: AsyncConnection, log: LockedLog, kind: EventKind) -> dict[str, Any]:
    scope = {"of_workflow": log.workflow_id, "of_kind": kind, "of_resumption": log.resumption}
    data: dict[str, Any] = (await connection.execute(_DATA_OF_KIND, scope)).scalar_one()
    return data


async def _approved_before(connection: AsyncConnection, log: LockedLog, draft_sha256: str) -> ApprovalDecided | None:
    """Find the decision about this draft from before the resumption, and write it again, so that each resumption has it.

    A text corrected after that decision is undecided, even if the correction restored the earlier text.
    """
    decided: ApprovalDecided | None = None
    corrected: WrittenText | None = None
    for row in await connection.execute(_TEXT_DECISIONS, {"of_workflow": log.workflow_id}):
        match payload_of(EventKind(row.kind), row.data):
            case ApprovalDecided() as decision:
                decided = decision
            case ResumedWith() as resumed if resumed.corrected != corrected:
                decided, corrected = None, resumed.corrected
    if decided is None or decided.draft_sha256 != draft_sha256:
        return None
    if not log.status.is_final:
        log.append(EventKind.APPROVAL_GIVEN, decided)
        await log.finish(Status.RUNNING)
    return decided


def _stale_run(subject: str) -> StaleAttempt:
    """Make the error, which is permanent: a run's resumption never changes."""
    error = StaleAttempt(f"the workflow has been resumed since; {subject} of an earlier run does nothing")
    error.permanent = True
    return error
