"""How a workflow runs a step and writes its end: the only two ways for workflow code to reach the world."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, FailureError, is_cancelled_exception

from durable_research.domain.errors import CancelRequested
from durable_research.domain.workflow import Status
from durable_research.temporal import names, policies
from durable_research.temporal.policies import StepPolicy

Given = TypeVar("Given")
Result = TypeVar("Result")


class Closing(BaseModel):
    """A workflow's end, as the progress log keeps it."""

    model_config = ConfigDict(frozen=True)

    workflow_id: str
    status: Status
    data: dict[str, Any] = {}


async def run_step(step: Callable[[Any, Given], Awaitable[Result]], given: Given, policy: StepPolicy) -> Result:
    """Run one activity under its row of the table, and return its result.

    Raises:
        ActivityError: it failed for good, or was cancelled.
    """
    return await workflow.execute_activity_method(
        step,
        given,
        task_queue=policy.queue,
        schedule_to_close_timeout=policies.GIVE_UP_AFTER,
        start_to_close_timeout=timedelta(seconds=policy.try_seconds) + policies.START_TO_CLOSE_MARGIN,
        heartbeat_timeout=policies.HEARTBEAT_TIMEOUT,
        retry_policy=policies.AFTER_DEATH,
        cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )


async def close_workflow(status: Status, data: dict[str, Any]) -> None:
    """Write the end into the progress log, whatever it takes; the caller shields it from cancellation."""
    closing = Closing(workflow_id=workflow.info().workflow_id, status=status, data=data)
    try:
        await workflow.execute_local_activity(
            names.CLOSE_WORKFLOW,
            closing,
            start_to_close_timeout=policies.LOCAL_WRITE_TRY,
            schedule_to_close_timeout=policies.LOCAL_WRITE_GIVE_UP,
            retry_policy=RetryPolicy(maximum_attempts=2),
        )
    except FailureError as error:  # a local activity's failure may come as it is, without an ActivityError around it
        if is_cancelled_exception(error):
            raise
        policy = policies.CLOSE_WORKFLOW
        await workflow.execute_activity(
            names.CLOSE_WORKFLOW,
            closing,
            task_queue=policy.queue,
            schedule_to_close_timeout=policies.GIVE_UP_AFTER,
            start_to_close_timeout=timedelta(seconds=policy.try_seconds) + policies.START_TO_CLOSE_MARGIN,
            heartbeat_timeout=policies.HEARTBEAT_TIMEOUT,
            retry_policy=policies.AFTER_DEATH,
        )


def is_cancel(error: BaseException) -> bool:
    """Whether a step ended because a person wants the workflow to end, heard from Temporal or from our own log."""
    return is_cancelled_exception(error) or cause_of(error)["code"] == CancelRequested.code


def attempt_of(error: ActivityError) -> int:
    """The number of our attempt that failed, as the interceptor sent it along."""
    cause = error.__cause__
    details = cause.details if isinstance(cause, ApplicationError) else ()
    return int(details[0]) if details else 0


def cause_of(error: BaseException) -> dict[str, str]:
    """The code and words of what made a step fail, for the progress log and the status body."""
    cause = error.__cause__ if isinstance(error, ActivityError) else error
    if isinstance(cause, ApplicationError):
        return {"code": cause.type or "internal_error", "detail": cause.message}
    return {"code": "internal_error", "detail": type(cause).__name__}
