"""What the workflows of all pipelines share: stage, a person's decisions, undos, and an end that is written in any case.

A pipeline's workflow inherits from `Story`, tells its steps in a coroutine and hands that to `told`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError, is_cancelled_exception

from durable_research.domain.errors import ApprovalExpired, ApprovalRefused, DecisionNeeded
from durable_research.domain.requests.notice import Notice, NoticeKind
from durable_research.domain.workflows.approval import ApprovalDecision, ApprovalQuestion, Verdict
from durable_research.domain.workflows.workflow import Decided, Decision, Status
from durable_research.policies import StepPolicy
from durable_research.telemetry.metrics import METRICS, WORKFLOWS_COMPLETED
from durable_research.temporal import names
from durable_research.temporal.resumption import own_resumption
from durable_research.temporal.workflow.activities import (
    Question,
    asks_a_person,
    cause_of,
    close_workflow,
    hear_cancel,
    is_cancel,
    is_refusal,
    question_of,
    run_step,
    stop_model_calls,
    whatever_is_cancelled,
)
from durable_research.temporal.workflow.approval import Approval, Tell
from durable_research.temporal.workflow.saga import Saga

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
        self.saga = Saga(self.step, self.decision_about)
        # What goes when a person ends the workflow, though what fails of it is kept, to be gone on with.
        self.discards = Saga(self.step, self.decision_about)
        self._approval = Approval()
        self._decisions: dict[Question, Decision] = {}
        self._tellings: list[asyncio.Task[None]] = []

    @workflow.query
    def progress(self) -> str:
        """The name of the step that the workflow has reached."""
        return self.stage

    @workflow.signal(name=names.DECIDE)
    def decide(self, decided: Decided) -> None:
        """Take a person's decision; the first one about a question stands."""
        self._decisions.setdefault(Question(decided.step, decided.attempt), decided.decision)

    @workflow.update(name=names.APPROVE)
    def approve(self, decision: ApprovalDecision) -> ApprovalDecision:
        """Take a person's word about the draft that waits, and answer with the one that stands."""
        return self._approval.decide(decision)

    @approve.validator
    def _check_approve(self, decision: ApprovalDecision) -> None:
        """What is refused here leaves no trace in the history."""
        self._approval.check(decision)

    @workflow.signal(name=names.APPROVE_SIGNAL)
    def approve_signal(self, decision: ApprovalDecision) -> None:
        """The same; what cannot be decided, or is decided, has no effect."""
        with suppress(ApplicationError):
            self._approval.decide(decision)

    async def decision_about(self, question: Question) -> Decision:
        """Wait for a person, as long as it takes; people are told beside the waiting."""
        hear_cancel()
        notice = Notice(
            kind=NoticeKind.DECISION_ASKED, number=question.attempt, code=DecisionNeeded.code, step=question.step
        )
        telling = asyncio.create_task(self.announce(notice))
        self._tellings.append(telling)
        try:
            await workflow.wait_condition(lambda: question in self._decisions)
        finally:
            # Not waited for here: a worker that lets go of the workflow ends this coroutine at the wait.
            telling.cancel()
        return self._decisions[question]

    async def announce(self, notice: Notice) -> None:
        """Have people told what has happened; a pipeline that tells nobody leaves this as it is."""

    async def asleep_until(self, moment: datetime | None) -> None:
        """Sleep on a durable timer; a moment that has passed, or none, is now. Cancelling ends it at once."""
        if moment is None or moment <= workflow.now():
            return
        self.stage = "sleeping"
        await workflow.sleep(moment - workflow.now())

    async def step(self, step: Step[Given, Done], given: Given, policy: StepPolicy) -> Done:
        """Run one step.

        Where the engine had lost this workflow, what was done is told again first and cannot be cancelled meanwhile: a story
        that ends amid that does not know what it has to undo.

        Raises:
            ActivityError: it failed for good, or was cancelled.
        """
        self.stage = policy.step
        told_before = _told_before()
        if policy.step in told_before and self.saga.has_undos:
            try:
                return await whatever_is_cancelled(run_step(step, given, policy))
            except ActivityError:
                # What it needs may have been undone already, when that was lost amid its undos.
                hear_cancel()
                raise
        if told_before:
            hear_cancel()
        return await run_step(step, given, policy)

    async def paid_step(self, step: Step[Given, Done], given: Given, policy: StepPolicy) -> Done:
        """Run one step; a person decides where it is not known whether a call was charged, or the provider stays away."""
        while True:
            try:
                return await self.step(step, given, policy)
            except ActivityError as error:
                if await self._decision_after(error) is Decision.GIVE_UP:
                    raise

    async def optional_step(self, step: Step[Given, Done], given: Given, policy: StepPolicy) -> Done | None:
        """The same, for a step that the story can go on without, when a person says so."""
        while True:
            try:
                return await self.step(step, given, policy)
            except ActivityError as error:
                match await self._decision_after(error):
                    case Decision.GIVE_UP:
                        raise
                    case Decision.GO_WITHOUT:
                        return None

    async def _decision_after(self, error: ActivityError) -> Decision:
        """What a person decides about a step that failed; to give up, where nobody is asked."""
        if is_cancel(error) or not asks_a_person(error):
            return Decision.GIVE_UP
        return await self.decision_about(question_of(error))

    async def approved(self, question: ApprovalQuestion, tell: Tell) -> ApprovalDecision:
        """Park until a person approves the draft, perhaps with an edited text; `tell` has people told that it waits.

        Raises:
            ApplicationError: it was refused, or nobody answered in time.
        """
        hear_cancel()
        self.stage = "approval"
        decision = await self._approval.wait(question, tell)
        if decision.decision is Verdict.REFUSE:
            raise ApplicationError("a person refused the draft", type=ApprovalRefused.code, non_retryable=True)
        if decision.decision is Verdict.EXPIRE:
            raise ApplicationError("nobody approved the draft in time", type=ApprovalExpired.code, non_retryable=True)
        return decision

    async def told(self, steps: Coroutine[Any, Any, Ending[Result]]) -> Result:
        """Run the steps and write how they ended; a failure for good or a cancellation undoes what is registered."""
        try:
            ending = await steps
            if _told_before() and self.saga.has_undos:
                hear_cancel()
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
        is_wanted = is_cancel(error) or is_refusal(error)
        keeps = self.discards.has_undos and not is_wanted
        await whatever_is_cancelled(stop_model_calls(keep=keeps))
        await whatever_is_cancelled(self.saga.undo_all())
        if is_wanted:
            # Cancelled and not failed, also when a draft is refused: nothing went wrong, a person ended it.
            await self._close_cancelled({} if is_cancel(error) else {"error": cause_of(error)})
            return
        cause = cause_of(error)
        if not await self._close(Status.FAILED, {"error": cause}, unless_cancelled=keeps):
            # A wish to cancel stood in the log before this end, and has not come here yet.
            await whatever_is_cancelled(stop_model_calls(keep=False))
            await self._close_cancelled({})
            return
        notice = Notice(kind=NoticeKind.FAILED, number=own_resumption(), code=cause["code"])
        await whatever_is_cancelled(self.announce(notice))

    async def _close_cancelled(self, data: dict[str, Any]) -> None:
        if self.discards.has_undos and workflow.patched(names.COMMIT_POINT):
            await whatever_is_cancelled(self.discards.undo_all())
        await self._close(Status.CANCELLED, data)

    async def _close(self, status: Status, data: dict[str, Any], *, unless_cancelled: bool = False) -> bool:
        self.stage = status.value
        await whatever_is_cancelled(self._quiet())
        return await whatever_is_cancelled(close_workflow(status, data, unless_cancelled=unless_cancelled))

    async def _quiet(self) -> None:
        """Wait until nobody is being told any more, seconds at most."""
        await self._approval.quiet()
        await asyncio.gather(*self._tellings, return_exceptions=True)


def _told_before() -> list[str]:
    """The steps that were done when the engine lost this workflow; none in a workflow that it has never lost."""
    return workflow.memo_value(names.TOLD_BEFORE, [], type_hint=list[str])
