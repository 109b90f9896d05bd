"""The activity interceptor: heartbeats, our attempt numbers, our deadline, and the classification of failures.

The end of an attempt is written to the progress log before Temporal gets it; when the write fails, the attempt fails as
infrastructure, which is never counted, and is tried again. `attempt_failures.py` classifies failures.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from durable_research import policies
from durable_research.domain.errors import ResearchError, StaleAttempt, StepTimedOut
from durable_research.domain.workflows.events import LEFT_OUT, AttemptCompleted, AttemptFailed, EventKind, OfWorker
from durable_research.domain.workflows.progress import NUMBERED_BY_LEDGER, Attempt, EngineAttempt
from durable_research.failpoints.reach import UndoPlace, reach_undo
from durable_research.policies import Patience, StepPolicy
from durable_research.ports.database.progress import ProgressLog, Waited
from durable_research.telemetry import logs
from durable_research.telemetry.meter import NO_METER, Meter
from durable_research.telemetry.metrics import ACTIVITIES_EXECUTED
from durable_research.temporal.resumption import ResumptionInbound, resumption_in, traceparent_in
from durable_research.temporal.worker.attempt_failures import RetryDecision, decide_retry
from durable_research.temporal.worker.attempt_metrics import AttemptMeasure
from durable_research.temporal.worker.attempt_spans import record_lost, span_of

_attempt: ContextVar[Attempt] = ContextVar("attempt")
_PATIENCE = Patience()
_NO_WAIT = Waited()


def current_attempt() -> Attempt:
    """The attempt that this activity code runs in."""
    return _attempt.get()


def cancel_is_requested() -> bool:
    """Whether the activity is being cancelled at a person's request, not because the worker drains."""
    details = activity.cancellation_details()
    return bool(details and details.cancel_requested)


class StepInterceptor(Interceptor):
    """Puts `_StepInbound` around every activity of a worker."""

    def __init__(
        self,
        progress: ProgressLog,
        identity: str,
        steps: Mapping[str, StepPolicy],
        patience: Patience = _PATIENCE,
        meter: Meter = NO_METER,
    ) -> None:
        self._progress = progress
        self._identity = identity
        self._steps = steps
        self._patience = patience
        self._meter = meter

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Wrap the SDK's chain."""
        return _StepInbound(next, self._progress, self._identity, self._steps, self._patience, self._meter)

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor] | None:
        """Add the interceptor that sends the resumption to activities."""
        return ResumptionInbound


class _StepInbound(ActivityInboundInterceptor):
    def __init__(
        self,
        next_: ActivityInboundInterceptor,
        progress: ProgressLog,
        identity: str,
        steps: Mapping[str, StepPolicy],
        patience: Patience,
        meter: Meter,
    ) -> None:
        super().__init__(next_)
        self._meter = meter
        self._progress = progress
        self._identity = identity
        self._steps = steps
        self._patience = patience

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        info = activity.info()
        policy = self._steps[info.activity_type]
        async with _heartbeats(info.is_local):
            if not policy.logged:
                return await self._run_unlogged(input, policy)
            workflow_id = info.workflow_id or ""
            try:
                engine = EngineAttempt(info.workflow_run_id or "", info.attempt, resumption_in(input.headers))
                attempt = await self._progress.begin_attempt(
                    workflow_id, policy.step, self._identity, engine, undoes=policy.undoes, commits=policy.commits
                )
            except ResearchError as error:
                _fail(self._decide_retry(error, policy))
            record_lost(attempt, traceparent_in(input.headers))
            with _current(attempt), span_of(attempt, traceparent_in(input.headers)):
                return await self._run_logged(input, policy, attempt)

    async def _run_unlogged(self, input_: ExecuteActivityInput, policy: StepPolicy) -> Any:
        workflow_id, measure = activity.info().workflow_id or "", AttemptMeasure(self._meter, policy)
        attempt = Attempt(workflow_id, policy.step, NUMBERED_BY_LEDGER, self._identity)
        with _current(attempt), span_of(attempt, traceparent_in(input_.headers)):
            try:
                async with asyncio.timeout(policy.try_seconds):
                    result = await self.next.execute_activity(input_)
            except Exception as error:  # the activity boundary: every failure becomes one of Temporal's here
                failure = _as_research_error(error, policy, policy.try_seconds)
                failures_before = activity.info().attempt - failure.counted
                decision = self._decide_retry(failure, policy, failures_before)
                measure.failed(decision)
                _fail(decision)
            measure.completed()
            return result

    async def _run_logged(self, input_: ExecuteActivityInput, policy: StepPolicy, attempt: Attempt) -> Any:
        seconds, measure = self._deadline(policy), AttemptMeasure(self._meter, policy, attempt)
        try:
            async with asyncio.timeout(seconds), _undo_places(policy, attempt.workflow_id):
                result = await self.next.execute_activity(input_)
            left_out = getattr(result, LEFT_OUT, "")
            completed = AttemptCompleted(left_out=left_out) if left_out else AttemptCompleted()
            await self._progress.end_attempt(attempt, EventKind.ATTEMPT_COMPLETED, completed)
        except asyncio.CancelledError:
            await asyncio.shield(self._close_cancelled(attempt, measure))
            raise
        except Exception as error:  # the activity boundary, as above
            await self._close_failed(attempt, measure, _as_research_error(error, policy, seconds))
        else:
            measure.completed()
            counted = activity.metric_meter().create_counter(ACTIVITIES_EXECUTED.sdk_name, ACTIVITIES_EXECUTED.help)
            counted.add(1, {"activity": policy.step})
            return result

    async def _close_cancelled(self, attempt: Attempt, measure: AttemptMeasure) -> None:
        """Write why the attempt stops; if the server has timed it out meanwhile, the next attempt closes it."""
        details = activity.cancellation_details()
        if details and details.cancel_requested:
            kind, measured = EventKind.ATTEMPT_CANCELLED, measure.cancelled
        elif details and details.worker_shutdown:
            kind, measured = EventKind.ATTEMPT_HANDED_BACK, measure.handed_back
        else:
            return
        try:
            async with asyncio.timeout(policies.LAST_WRITE.total_seconds()):
                await self._progress.end_attempt(attempt, kind, OfWorker(worker=attempt.worker))
        except (ResearchError, TimeoutError) as error:
            logs.emit(logs.ATTEMPT_STALE, error=type(error).__name__)
        else:
            measured()

    def _deadline(self, policy: StepPolicy) -> float:
        """The time limit of this attempt: by the policy or the settings, and before the server times it out."""
        seconds = self._patience.step_seconds if policy.calls_model else policy.try_seconds
        recorded = activity.info().start_to_close_timeout
        return min(seconds, (recorded - policies.BEFORE_START_TO_CLOSE).total_seconds()) if recorded else seconds

    def _decide_retry(
        self, error: ResearchError, policy: StepPolicy, failures_before: int = 0, waited: Waited = _NO_WAIT
    ) -> RetryDecision:
        return decide_retry(error, policy, failures_before, waited, self._patience.provider_wait)

    async def _close_failed(self, attempt: Attempt, measure: AttemptMeasure, error: ResearchError) -> NoReturn:
        policy = measure.policy
        decision = self._decide_retry(error, policy, attempt.failures_before)
        try:
            if error.waits and policy.waits:
                waited = await self._progress.waited(attempt.workflow_id, attempt.step)
                decision = self._decide_retry(error, policy, attempt.failures_before, waited)
            # Not its words, which may be a provider's and quote a prompt.
            logs.emit(logs.ATTEMPT_FAILED, code=decision.error.code)
            if not isinstance(error, StaleAttempt):
                failed = _failed(decision, attempt.worker)
                await self._progress.end_attempt(attempt, EventKind.ATTEMPT_FAILED, failed)
                measure.failed(decision)
        except ResearchError as unwritten:
            _fail(self._decide_retry(unwritten, policy, attempt.failures_before))
        _fail(decision, attempt.number)


def _failed(decision: RetryDecision, worker: str) -> AttemptFailed:
    times: dict[str, float] = {} if decision.final else {"retry_in_seconds": decision.pause.total_seconds()}
    if decision.wait_left is not None:
        times["wait_left_seconds"] = decision.wait_left.total_seconds()
    return AttemptFailed(
        error={"code": decision.error.code, "detail": decision.error.detail},
        counted=decision.counted,
        final=decision.final,
        asks_a_person=decision.asks_a_person,
        worker=worker,
        **times,
    )


def _as_research_error(error: Exception, policy: StepPolicy, seconds: float) -> ResearchError:
    if isinstance(error, ResearchError):
        return error
    if isinstance(error, TimeoutError):
        failure: ResearchError = StepTimedOut(f"{policy.step} did not finish within {seconds:g} s")
    else:
        # A bug: its class is named, its text is not shown, as it may hold anything.
        failure = ResearchError(f"{type(error).__name__} in {policy.step}")
        logs.emit(logs.ATTEMPT_CRASHED, exception=error)
    failure.__cause__ = error
    return failure


def _fail(decision: RetryDecision, attempt: int | None = None) -> NoReturn:
    """Raise the failure for Temporal, with the attempt's number, and whether a person decides about it."""
    # Without an attempt in the log no decision can name one: 0 stands for none.
    details: tuple[Any, ...] = () if attempt is None else (attempt,)
    raise ApplicationError(
        decision.error.detail,
        *((attempt or 0, True) if decision.asks_a_person else details),
        type=decision.error.code,
        non_retryable=decision.final,
        next_retry_delay=None if decision.final else max(decision.pause, policies.AT_ONCE),
    ) from None  # a cause would take the vendor's words, which may quote a prompt, into the Event History


@contextmanager
def _current(attempt: Attempt) -> Iterator[None]:
    """Make this the attempt that the block's code and its log lines belong to."""
    number = attempt.number if attempt.number != NUMBERED_BY_LEDGER else None
    with logs.context(workflow_id=attempt.workflow_id, step=attempt.step, attempt=number, worker=attempt.worker):
        token = _attempt.set(attempt)
        try:
            yield
        finally:
            _attempt.reset(token)


@asynccontextmanager
async def _undo_places(policy: StepPolicy, workflow_id: str) -> AsyncIterator[None]:
    """Reach the two failpoints of an undo, before and after it; no undo needs code for them."""
    if policy.undoes:
        await reach_undo(policy.step, UndoPlace.BEGUN, workflow_id)
    yield
    if policy.undoes:
        await reach_undo(policy.step, UndoPlace.DONE, workflow_id)


@asynccontextmanager
async def _heartbeats(is_local: bool) -> AsyncIterator[None]:
    """Send a heartbeat each second while the block runs; its answer also carries a cancellation."""
    if is_local:
        yield
        return

    async def beat() -> None:
        while True:  # the start itself counts as a heartbeat, so the first one is due a second later
            await asyncio.sleep(policies.HEARTBEAT_EVERY.total_seconds())
            activity.heartbeat()

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
