"""How a saga handles an undo that Temporal gave up; the undos themselves are specified in tests/pipelines."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from temporalio.exceptions import ActivityError, ApplicationError, RetryState, TimeoutError, TimeoutType

from durable_research import policies
from durable_research.pipelines.blog_post import pipeline
from durable_research.policies import StepPolicy
from durable_research.temporal.workflow.failures import Question
from durable_research.temporal.workflow.saga import Saga


def gave_up(cause: BaseException, retry_state: RetryState | None = None) -> ActivityError:
    error = ActivityError(
        "Activity task failed",
        scheduled_event_id=1,
        started_event_id=2,
        identity="worker-1@1",
        activity_type="delete_post",
        activity_id="1",
        retry_state=retry_state,
    )
    error.__cause__ = cause
    return error


class World:
    """Undos with scripted failures, and a person who decides to try again."""

    def __init__(self, *failures: BaseException) -> None:
        self.failures = list(failures)
        self.tried: list[str] = []
        self.questions: list[Question] = []
        self.saga = Saga(self._run, self._decide)

    async def _run(self, undo: Callable[[Any, Any], Awaitable[None]], message: Any, policy: StepPolicy) -> None:
        self.tried.append(policy.step)
        if self.failures:
            raise gave_up(self.failures.pop(0))

    async def _decide(self, question: Question) -> None:
        self.questions.append(question)

    async def undo(self, *policies_: StepPolicy) -> None:
        for policy in policies_:
            self.saga.register(self._never, "given", policy)
        await self.saga.undo_all()

    async def _never(self, activities: Any, message: str) -> None:
        raise AssertionError("only Temporal calls an activity")


async def test_a_permanently_failed_undo_is_retried_after_a_persons_decision() -> None:
    world = World(ApplicationError("no", 8, type="internal_error"))

    await world.undo(pipeline.DELETE_POST, pipeline.DELETE_EMBEDDING)

    assert world.questions == [Question("delete_post", 8)]
    assert world.tried == ["delete_embedding", "delete_embedding", "delete_post"]


async def test_an_undo_that_no_worker_started_is_retried_without_a_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "UNDO_AGAIN_AFTER", timedelta(0))
    world = World(TimeoutError("no worker", type=TimeoutType.SCHEDULE_TO_CLOSE, last_heartbeat_details=[]))

    await world.undo(pipeline.DELETE_POST)

    assert (world.questions, world.tried) == ([], ["delete_post", "delete_post"])


async def test_a_closed_log_stops_the_compensation() -> None:
    world = World(ApplicationError("the workflow is terminated", type="invalid_state"))

    await world.undo(pipeline.DELETE_POST, pipeline.DELETE_EMBEDDING)

    assert (world.questions, world.tried) == ([], ["delete_embedding"])
