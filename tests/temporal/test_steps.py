"""What the end of a step says to the story; the steps themselves are specified in tests/pipelines."""

import pytest
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, RetryState, TimeoutError, TimeoutType

from durable_research.temporal.steps import is_cancel

DIED = TimeoutError("activity Heartbeat timeout", type=TimeoutType.HEARTBEAT, last_heartbeat_details=[])


def ended(cause: BaseException, retry_state: RetryState | None = None) -> ActivityError:
    error = ActivityError(
        "Activity task failed",
        scheduled_event_id=1,
        started_event_id=2,
        identity="worker-1@1",
        activity_type="store_post",
        activity_id="1",
        retry_state=retry_state,
    )
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (ended(CancelledError("cancelled")), True),
        (ended(ApplicationError("a person asked for it", type="cancel_requested")), True),
        (ended(DIED, RetryState.CANCEL_REQUESTED), True),
        (ended(ApplicationError("no", type="model_refused"), RetryState.CANCEL_REQUESTED), True),
        (ended(DIED, RetryState.TIMEOUT), False),
        (ended(ApplicationError("no", type="model_refused"), RetryState.NON_RETRYABLE_FAILURE), False),
    ],
    ids=["heard", "refused", "died meanwhile", "failed meanwhile", "died", "failed"],
)
def test_a_step_that_ended_after_a_cancellation_was_asked_for_was_cancelled(error: ActivityError, is_one: bool) -> None:
    assert is_cancel(error) is is_one
