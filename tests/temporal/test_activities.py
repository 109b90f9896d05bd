"""The meaning of a step's end for its workflow; the steps themselves are specified in tests/pipelines."""

import pytest
from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, RetryState, TimeoutError, TimeoutType

from durable_research.temporal.workflow.cancellation import is_cancellation
from tests.temporal.test_saga import gave_up

DIED = TimeoutError("activity Heartbeat timeout", type=TimeoutType.HEARTBEAT, last_heartbeat_details=[])


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (gave_up(CancelledError("cancelled")), True),
        (gave_up(ApplicationError("a person asked for it", type="cancel_requested")), True),
        (gave_up(DIED, RetryState.CANCEL_REQUESTED), True),
        (gave_up(ApplicationError("no", type="model_refused"), RetryState.CANCEL_REQUESTED), True),
        (gave_up(DIED, RetryState.TIMEOUT), False),
        (gave_up(ApplicationError("no", type="model_refused"), RetryState.NON_RETRYABLE_FAILURE), False),
    ],
    ids=["received", "refused", "died meanwhile", "failed meanwhile", "died", "failed"],
)
def test_an_error_after_a_cancel_request_is_recognised_as_a_cancellation(
    monkeypatch: pytest.MonkeyPatch, error: ActivityError, is_one: bool
) -> None:
    monkeypatch.setattr(workflow, "patched", lambda _: True)  # as in every history of today

    assert is_cancellation(error) is is_one
