"""What the workflows of all pipelines share: stage, a person's decisions, undos, and an end that is written in any case.

A pipeline's workflow inherits from `Story`, tells its steps in a coroutine and hands that to `told`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, FailureError, is_cancelled_exception

from durable_research.domain.errors import DecisionNeeded
from durable_research.domain.workflow import Decided, Decision, Status
from durable_research.temporal import names
from durable_research.temporal.metrics import METRICS, WORKFLOWS_COMPLETED
from durable_research.temporal.policies import StepPolicy
from durable_research.temporal.saga import Saga
from durable_research.temporal.steps import (
    Question,
    cause_of,
    close_workflow,
    is_cancel,
    question_of,
    run_step,
    stop_model_calls,
)

Given = TypeVar("Given")
Done = TypeVar("Done")
Result = TypeVar("Result")
Step = Callable[[Any, Given], Awaitable[Done]]


@dataclass(frozen=True)
class Ending(Generic[Result]):
    """How a story ended well. `data` is kept with the closing event."""

    result: Result
    status: Status = Status.DONE
    data: dict[str, Any] = field(default_factory=dict)


class Story:
    """The durable part that no pipeline writes for itself."""

    def __init__(self) -> None:
        self.stage = "queued"
        self.saga = Saga(self.decision_about)
        self._decisions: dict[Question, Decision] = {}

    @workflow.query
    def progress(self) -> str:
        """The name of the step that the workflow has reached."""
        return self.stage

    @workflow.query
    def remaining_undos(self) -> list[str]:
        """What would be undone, or is still to be undone, in that order."""
        return list(self.saga.remaining)

    @workflow.signal(name=names.DECIDE)
    def decide(self, decided: Decided) -> None:
        """Take a person's decision; the first one about a question stands."""
        self._decisions.setdefault(Question(decided.step, decided.attempt), decided.decision)

    async def decision_about(self, question: Question) -> Decision:
        """Wait for a person, as long as it takes."""
        await workflow.wait_condition(lambda: question in self._decisions)
        return self._decisions[question]

    async def step(self, step: Step[Given, Done], given: Given, policy: StepPolicy) -> Done:
        """Run one step.

        Raises:
            ActivityError: it failed for good, or was cancelled.
        """
        self.stage = policy.step
        return await run_step(step, given, policy)

    async def paid_step(self, step: Step[Given, Done], given: Given, policy: StepPolicy) -> Done:
        """Run one step; where it cannot be known whether a call was charged, a person decides whether to pay again."""
        while True:
            try:
                return await self.step(step, given, policy)
            except ActivityError as error:
                if cause_of(error)["code"] != DecisionNeeded.code:
                    raise
                if await self.decision_about(question_of(error)) is Decision.GIVE_UP:
                    raise

    async def told(self, steps: Coroutine[Any, Any, Ending[Result]]) -> Result:
        """Run the steps and write how they ended; a failure for good or a cancellation undoes what is registered."""
        try:
            ending = await steps
        except BaseException as error:
            if not isinstance(error, FailureError) and not is_cancelled_exception(error):
                # The worker lets go of a cached workflow, or our code is wrong: no end, the task is tried again.
                raise
            await self._close_unfinished(error)
            raise
        await self._close(ending.status, ending.data)
        completed = workflow.metric_meter().create_counter(WORKFLOWS_COMPLETED, METRICS[WORKFLOWS_COMPLETED])
        completed.add(1)
        return ending.result

    async def _close_unfinished(self, error: BaseException) -> None:
        await _whatever_is_cancelled(stop_model_calls())
        self.stage = "undoing" if self.saga.remaining else self.stage
        await _whatever_is_cancelled(self.saga.undo_all())
        if is_cancel(error):
            await self._close(Status.CANCELLED, {})
        else:
            await self._close(Status.FAILED, {"error": cause_of(error)})

    async def _close(self, status: Status, data: dict[str, Any]) -> None:
        self.stage = status.value
        await _whatever_is_cancelled(close_workflow(status, data))


async def _whatever_is_cancelled(ending: Coroutine[Any, Any, None]) -> None:
    """It is too late to cancel: the end that is being written stands."""
    task = asyncio.create_task(ending)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
