"""What surrounds every activity: heartbeats, our attempt's number, our deadline, and whether a failure is the last one.

Only this file decides between retryable and not. An attempt's end is written to the progress log before Temporal hears of it;
when it cannot be written the attempt fails as infrastructure, which is never counted, and is tried again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, NoReturn

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from durable_research import failpoints, telemetry
from durable_research.domain.errors import (
    DecisionNeeded,
    InvalidState,
    ResearchError,
    StaleAttempt,
    StepFailed,
    StepTimedOut,
)
from durable_research.domain.progress import NUMBERED_BY_LEDGER, Attempt, EngineAttempt, EventKind
from durable_research.failpoints import UndoPlace
from durable_research.ports.progress import ProgressLog
from durable_research.temporal import policies
from durable_research.temporal.metrics import ACTIVITIES_EXECUTED, METRICS
from durable_research.temporal.policies import StepPolicy

_attempt: ContextVar[Attempt] = ContextVar("attempt")


def current_attempt() -> Attempt:
    """The attempt that this activity code runs in."""
    return _attempt.get()


def cancel_is_wanted() -> bool:
    """Whether the activity is being cancelled because a person wants it, not because the worker is told to stop."""
    details = activity.cancellation_details()
    return bool(details and details.cancel_requested)


class StepInterceptor(Interceptor):
    """Puts `_StepInbound` around every activity of a worker."""

    def __init__(self, progress: ProgressLog, identity: str) -> None:
        self._progress = progress
        self._identity = identity

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Wrap the SDK's chain."""
        return _StepInbound(next, self._progress, self._identity)


class _StepInbound(ActivityInboundInterceptor):
    def __init__(self, next_: ActivityInboundInterceptor, progress: ProgressLog, identity: str) -> None:
        super().__init__(next_)
        self._progress = progress
        self._identity = identity

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        info = activity.info()
        policy = policies.STEPS[info.activity_type]
        async with _heartbeats(info.is_local):
            if not policy.logged:
                return await self._run_unlogged(input, policy)
            workflow_id = info.workflow_id or ""
            try:
                engine = EngineAttempt(info.workflow_run_id or "", info.attempt)
                attempt = await self._progress.begin_attempt(
                    workflow_id, policy.step, self._identity, engine, undoes=policy.undoes
                )
            except ResearchError as error:
                _fail(error, policy, counted_failures=0)
            return await self._run_logged(input, policy, attempt)

    async def _run_unlogged(self, input_: ExecuteActivityInput, policy: StepPolicy) -> Any:
        workflow_id = activity.info().workflow_id or ""
        token = _attempt.set(Attempt(workflow_id, policy.step, NUMBERED_BY_LEDGER, self._identity))
        try:
            async with asyncio.timeout(policy.try_seconds):
                return await self.next.execute_activity(input_)
        except Exception as error:  # the activity edge: every failure leaves here as one that Temporal understands
            _fail(_as_research_error(error, policy), policy, counted_failures=activity.info().attempt)
        finally:
            _attempt.reset(token)

    async def _run_logged(self, input_: ExecuteActivityInput, policy: StepPolicy, attempt: Attempt) -> Any:
        token = _attempt.set(attempt)
        try:
            async with asyncio.timeout(policy.try_seconds), _undo_places(policy, attempt.workflow_id):
                result = await self.next.execute_activity(input_)
            await self._progress.end_attempt(attempt, EventKind.ATTEMPT_COMPLETED, {})
        except asyncio.CancelledError:
            await asyncio.shield(self._close_cancelled(attempt))
            raise
        except Exception as error:  # the activity edge, as above
            await self._close_failed(attempt, policy, _as_research_error(error, policy))
        else:
            counted = activity.metric_meter().create_counter(ACTIVITIES_EXECUTED, METRICS[ACTIVITIES_EXECUTED])
            counted.add(1, {"activity": policy.step})
            return result
        finally:
            _attempt.reset(token)

    async def _close_cancelled(self, attempt: Attempt) -> None:
        """Write why the attempt stops; one that the server gave away meanwhile is the next attempt's to close."""
        details = activity.cancellation_details()
        if details and details.cancel_requested:
            kind = EventKind.ATTEMPT_CANCELLED
        elif details and details.worker_shutdown:
            kind = EventKind.ATTEMPT_HANDED_BACK
        else:
            return
        try:
            async with asyncio.timeout(policies.LAST_WRITE.total_seconds()):
                await self._progress.end_attempt(attempt, kind, {"worker": attempt.worker})
        except (ResearchError, TimeoutError) as error:
            telemetry.get_logger().warning(telemetry.ATTEMPT_STALE, step=attempt.step, error=str(error))

    async def _close_failed(self, attempt: Attempt, policy: StepPolicy, error: ResearchError) -> NoReturn:
        failures = attempt.failures_before + error.counted
        words = {"code": error.code, "detail": error.detail}
        final = _is_final(error, policy, failures)
        data: dict[str, Any] = {
            "error": words,
            "counted": error.counted,
            "final": final,
            "asks_a_person": isinstance(error, DecisionNeeded) or (final and policy.undoes),
            "worker": attempt.worker,
        }
        if not data["final"]:
            data["retry_in_seconds"] = _wait(error, policy, failures).total_seconds()
        telemetry.get_logger().warning(
            telemetry.ATTEMPT_FAILED,
            workflow_id=attempt.workflow_id,
            step=attempt.step,
            attempt=attempt.number,
            **words,
        )
        if not isinstance(error, StaleAttempt):
            try:
                await self._progress.end_attempt(attempt, EventKind.ATTEMPT_FAILED, data)
            except ResearchError as unwritten:
                _fail(unwritten, policy, failures)
        _fail(error, policy, failures, attempt.number)


def _as_research_error(error: Exception, policy: StepPolicy) -> ResearchError:
    if isinstance(error, ResearchError):
        return error
    if isinstance(error, TimeoutError):
        made: ResearchError = StepTimedOut(f"{policy.step} did not finish within {policy.try_seconds:g} s")
    else:
        # A bug: its class is named, its text is not shown, as it may hold anything.
        made = ResearchError(f"{type(error).__name__} in {policy.step}")
        telemetry.get_logger().error(telemetry.ATTEMPT_FAILED, step=policy.step, exc_info=error)
    made.__cause__ = error
    return made


def _is_final(error: ResearchError, policy: StepPolicy, failures: int) -> bool:
    if isinstance(error, InvalidState | DecisionNeeded):
        return True
    capped = policy.failures_allowed is not None and failures >= policy.failures_allowed
    return error.counted and (error.permanent or capped)


def _wait(error: ResearchError, policy: StepPolicy, failures: int) -> timedelta:
    if not error.counted:
        return policies.INFRASTRUCTURE_WAIT
    if isinstance(error, StepFailed) and error.retry_after_seconds is not None:
        return min(timedelta(seconds=error.retry_after_seconds), policies.LONGEST_RETRY_AFTER)
    return policy.wait_after(failures)


def _fail(error: ResearchError, policy: StepPolicy, counted_failures: int, attempt: int | None = None) -> NoReturn:
    """Tell Temporal. The attempt's number goes along: it names the question when a person is asked."""
    final = _is_final(error, policy, counted_failures)
    raise ApplicationError(
        error.detail,
        *(() if attempt is None else (attempt,)),
        type=error.code,
        non_retryable=final,
        next_retry_delay=None if final else _wait(error, policy, max(counted_failures, 1)),
    ) from None  # a cause would take the vendor's words, which may quote a prompt, into the Event History


@asynccontextmanager
async def _undo_places(policy: StepPolicy, workflow_id: str) -> AsyncIterator[None]:
    """Come by the two failpoints of an undo, around it; every undo has them without a word of its own."""
    if policy.undoes:
        await failpoints.reach_undo(policy.step, UndoPlace.BEGUN, workflow_id)
    yield
    if policy.undoes:
        await failpoints.reach_undo(policy.step, UndoPlace.DONE, workflow_id)


@asynccontextmanager
async def _heartbeats(is_local: bool) -> AsyncIterator[None]:
    """Beat each second while the block runs; this is also how a cancellation reaches the activity."""
    if is_local:
        yield
        return

    async def beat() -> None:
        while True:  # the start itself is news to the server, so the first beat is due a second later
            await asyncio.sleep(policies.HEARTBEAT_EVERY.total_seconds())
            activity.heartbeat()

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
