"""Runs a step, writes an outcome, cancels calls at the provider: the only ways by which workflow code reaches the world."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, FailureError, is_cancelled_exception

from durable_research import policies
from durable_research.domain.workflows.approval import ApprovalAsked, ApprovalDecision
from durable_research.domain.workflows.events import Closed, EventKind, Payload
from durable_research.domain.workflows.workflow import Status
from durable_research.policies import StepPolicy
from durable_research.temporal.messages import Closing, NoteApproval, StopModelCalls
from durable_research.temporal.resumption import own_resumption

# After a worker's death the step is retried at once; the backoff only protects against an input that kills every worker.
AFTER_DEATH = RetryPolicy(
    initial_interval=timedelta(milliseconds=500), backoff_coefficient=1.5, maximum_interval=timedelta(seconds=5)
)

Argument = TypeVar("Argument")
Result = TypeVar("Result")
Done = TypeVar("Done")
_RECORDED: TypeAdapter[ApprovalAsked | ApprovalDecision | None] = TypeAdapter(ApprovalAsked | ApprovalDecision | None)


async def run_step(
    step: Callable[[Any, Argument], Awaitable[Result]], argument: Argument, policy: StepPolicy
) -> Result:
    """Run one activity by its policy, and return its result.

    Raises:
        ActivityError: it failed permanently, or was cancelled.
    """
    return await workflow.execute_activity_method(step, argument, **_options(policy))


async def stop_model_calls(*, keep: bool) -> None:
    """Cancel calls that still run at the provider without an attempt, unless they are retained for a resumption.

    A call that cannot be stopped ends by itself, and the ledger counts it as charged.
    """
    message = StopModelCalls(workflow_id=workflow.info().workflow_id, keep=keep, resumption=own_resumption())
    policy = policies.STOP_MODEL_CALLS
    try:
        await workflow.execute_activity(policy.step, message, **_options(policy))
    except ActivityError:
        return


async def close_workflow(status: Status, closed: Closed, *, unless_cancelled: bool = False) -> bool:
    """Write the outcome into the progress log, retrying without end; the caller shields it from cancellation.

    False when a request to cancel came first, and nothing was written.
    """
    closing = Closing(
        workflow_id=workflow.info().workflow_id,
        status=status,
        data=closed.stored(),
        resumption=own_resumption(),
        unless_cancelled=unless_cancelled,
    )
    # Older histories have no answer here.
    return await _write(closing, policies.CLOSE_WORKFLOW) is not False


async def note_approval(kind: EventKind, payload: Payload) -> ApprovalAsked | ApprovalDecision | None:
    """Write an event of an approval; returns the recorded decision, or the recorded question."""
    noted = NoteApproval(
        workflow_id=workflow.info().workflow_id, kind=kind, data=payload.stored(), resumption=own_resumption()
    )
    return _RECORDED.validate_python(await _write(noted, policies.NOTE_APPROVAL))


async def _write(argument: BaseModel, policy: StepPolicy) -> Any:
    """Write the workflow's own event: first briefly as a local activity, then without limit as an ordinary one."""
    try:
        return await workflow.execute_local_activity(
            policy.step,
            argument,
            start_to_close_timeout=policies.LOCAL_WRITE_TRY,
            schedule_to_close_timeout=policies.LOCAL_WRITE_GIVE_UP,
            retry_policy=RetryPolicy(maximum_attempts=2),
        )
    except FailureError as error:  # a local activity's failure may come as it is, without an ActivityError around it
        if is_cancelled_exception(error):
            raise
        return await workflow.execute_activity(policy.step, argument, **_options(policy))


def _options(policy: StepPolicy) -> dict[str, Any]:
    return {
        "task_queue": policy.queue,
        "schedule_to_close_timeout": policies.GIVE_UP_AFTER,
        "start_to_close_timeout": _start_to_close(policy),
        "heartbeat_timeout": policies.HEARTBEAT_TIMEOUT,
        "retry_policy": AFTER_DEATH,
        "cancellation_type": workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    }


def _start_to_close(policy: StepPolicy) -> timedelta:
    if policy.calls_model:
        return policies.MODEL_START_TO_CLOSE
    return timedelta(seconds=policy.try_seconds) + policies.START_TO_CLOSE_MARGIN
