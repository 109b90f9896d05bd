"""The ProgressLog port on PostgreSQL."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.log.attempts import ATTEMPTS, AttemptHistory
from durable_research.adapters.database.log.events import EVENT, LockedLog, event_of
from durable_research.adapters.database.tables import drafts, progress_events, workers
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
from durable_research.domain.workflows.processing import processing_time
from durable_research.domain.workflows.progress import Attempt, EngineAttempt, ProgressEvent, status_after
from durable_research.domain.workflows.workflow import RESUMABLE, Status, check_transition, kind_of
from durable_research.ports.database.progress import Waited
from durable_research.telemetry.meter import NO_METER, Meter
from durable_research.telemetry.metrics import ATTEMPTS_ENDED, TAKE_OVER, WORKFLOW_PROCESSING, WORKFLOWS_ENDED
from durable_research.telemetry.outcomes import AttemptOutcome

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
# By the database's clock, which all workers share.
_SILENT_FOR = select(func.clock_timestamp() - workers.c.seen_at).where(workers.c.identity == bindparam("of_worker"))


class PostgresProgressLog:
    """Events of all workflows, each workflow's under its own row lock."""

    def __init__(self, database: Database, meter: Meter = NO_METER) -> None:
        self._database = database
        self._meter = meter

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
            _check_may_begin(log, history, step, engine, undoes=undoes, commits=commits)
            # A compensation closes all open attempts, so that a worker frozen in another step finds its attempt closed, too.
            left_open = history.left_open(None if undoes else step)
            for name, number in left_open:
                lost = OfWorker(worker=history.started[name, number].worker)
                log.append(EventKind.ATTEMPT_LOST, lost, name, number)
            attempt = _next_attempt(history, workflow_id, step, worker)
            begun = AttemptStarted(worker=worker, engine_run=engine.run_id, engine_attempt=engine.number)
            started = begun.model_copy(update={UNDOES: True}) if undoes else begun
            log.append(EventKind.ATTEMPT_STARTED, started, step, attempt.number)
            await log.finish(Status.RUNNING)
            taken_over = [history.started[each].worker for each in left_open if each[0] == step]
            silence = await _silence(connection, taken_over[-1]) if taken_over else None
        for name, _ in left_open:
            self._meter.count(ATTEMPTS_ENDED, step=name, outcome=AttemptOutcome.LOST, code="")
        if silence is not None:
            self._meter.observe(TAKE_OVER, silence.total_seconds(), step=step)
        return replace(attempt, closed=tuple(map(history.lost, left_open)))

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
            rows = (await connection.execute(_READ, {"of_workflow": workflow_id, "after": 0})).all()
        if not later:
            labels = {"kind": kind_of(workflow_id) or "", "outcome": status}
            spent = processing_time([event_of(row) for row in rows], rows[-1].at)
            self._meter.count(WORKFLOWS_ENDED, **labels)
            self._meter.observe(WORKFLOW_PROCESSING, spent.total_seconds(), **labels)
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


def _check_may_begin(
    log: LockedLog, history: AttemptHistory, step: str, engine: EngineAttempt, *, undoes: bool, commits: bool
) -> None:
    """Refuse an attempt that must not begin; `begin_attempt` of the port lists the errors."""
    # Completed steps replay even then: a run that begins after a lost one must learn which steps it has to compensate.
    if log.cancel_requested and not (undoes or commits or history.is_done(step)):
        raise CancelRequested("a person asked for the workflow to be cancelled")
    if history.is_compensating_in(engine) and not undoes:
        raise InvalidState(f"the workflow is being taken back; {step} runs no more")
    if history.has_begun_after(step, engine):
        raise StaleAttempt(f"a later attempt of {step} has begun; this one was frozen on the way")


def _next_attempt(history: AttemptHistory, workflow_id: str, step: str, worker: str) -> Attempt:
    return Attempt(
        workflow_id,
        step,
        history.last(step) + 1,
        worker,
        history.failures(step),
        is_waiting=history.wait(step) is not None,
        waited_seconds=history.waited(step).seconds,
        step_seconds=history.age_seconds(step),
    )


async def _silence(connection: AsyncConnection, worker: str | None) -> timedelta | None:
    """For how long a worker has not renewed its row; None without one."""
    silence: timedelta | None = (await connection.execute(_SILENT_FOR, {"of_worker": worker})).scalar_one_or_none()
    return silence


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
