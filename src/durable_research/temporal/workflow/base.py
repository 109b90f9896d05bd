"""The base class of all pipelines' workflows: stage, a person's decisions, compensation, and an outcome that is always written.

A pipeline's workflow inherits from `DurableWorkflow`, runs its steps in a coroutine and hands that to `run_to_end`.
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
from durable_research.domain.workflows.events import Closed
from durable_research.domain.workflows.workflow import Decided, Decision, Status
from durable_research.policies import StepPolicy
from durable_research.telemetry.metrics import WORKFLOWS_COMPLETED
from durable_research.temporal import names
from durable_research.temporal.resumption import own_resumption
from durable_research.temporal.workflow.activities import close_workflow, run_step, stop_model_calls
from durable_research.temporal.workflow.approval import Approval, Notify
from durable_research.temporal.workflow.cancellation import is_cancellation, raise_if_cancelled, shielded
from durable_research.temporal.workflow.failures import Question, asks_a_person, cause_of, is_refusal, question_of
from durable_research.temporal.workflow.saga import Saga

Argument = TypeVar("Argument")
Done = TypeVar("Done")
Result = TypeVar("Result")
Step = Callable[[Any, Argument], Awaitable[Done]]


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """How a workflow completed; `closed` is stored as the closing event."""

    result: Result
    status: Status = Status.DONE
    closed: Closed = field(default_factory=Closed)


@dataclass(frozen=True)
class StepFailure:
    """Why an optional step failed permanently."""

    cause: dict[str, str]


class TooLate:
    """A cancellation that came after the workflow was finished."""


class DurableWorkflow:
    """Runs a pipeline's steps, compensates what failed or was cancelled, and records the outcome."""

    def __init__(self) -> None:
        self.stage = "queued"
        self.saga = Saga(self.step, self.decision_about)
        # Compensation for a workflow that a person ends; one that fails retains its text, to be resumed.
        self.discards = Saga(self.step, self.decision_about)
        self._approval = Approval()
        self._decisions: dict[Question, Decision] = {}
        self._announcements: list[asyncio.Task[None]] = []

    @workflow.query
    def progress(self) -> str:
        """The name of the step that the workflow has reached."""
        return self.stage

    @workflow.signal(name=names.DECIDE)
    def decide(self, decided: Decided) -> None:
        """Record a person's decision; the first one about a question is valid."""
        self._decisions.setdefault(Question(decided.step, decided.attempt), decided.decision)

    @workflow.update(name=names.APPROVE)
    def approve(self, decision: ApprovalDecision) -> ApprovalDecision:
        """Record a person's decision about the waiting draft, and return the valid one."""
        return self._approval.decide(decision)

    @approve.validator
    def _check_approve(self, decision: ApprovalDecision) -> None:
        """Refuse before the update is accepted, so that it leaves no trace in the Event History."""
        self._approval.check(decision)

    @workflow.signal(name=names.APPROVE_SIGNAL)
    def approve_signal(self, decision: ApprovalDecision) -> None:
        """The same; an invalid or late decision has no effect."""
        with suppress(ApplicationError):
            self._approval.decide(decision)

    async def decision_about(self, question: Question) -> Decision:
        """Wait for a person's decision without a limit, while notices about it are sent."""
        raise_if_cancelled()
        notice = Notice(
            kind=NoticeKind.DECISION_ASKED, number=question.attempt, code=DecisionNeeded.code, step=question.step
        )
        announcement = asyncio.create_task(self.announce(notice))
        self._announcements.append(announcement)
        try:
            await workflow.wait_condition(lambda: question in self._decisions)
        finally:
            # Not awaited here: a worker that evicts the workflow ends this coroutine at an await.
            announcement.cancel()
        return self._decisions[question]

    async def announce(self, notice: Notice) -> None:
        """Send a notice; a pipeline without notices does not override this."""

    async def sleep_until(self, moment: datetime | None) -> None:
        """Sleep on a durable timer; a moment that has passed, or none, is now. Cancelling ends it at once."""
        if moment is None or moment <= workflow.now():
            return
        self.stage = "sleeping"
        await workflow.sleep(moment - workflow.now())

    async def step(self, step: Step[Argument, Done], argument: Argument, policy: StepPolicy) -> Done:
        """Run one step.

        When the engine lost this workflow, the completed steps are replayed first, from the ledger and the log, and cannot be
        cancelled meanwhile: a run that ended before their replay would lack the steps to compensate.

        Raises:
            ActivityError: it failed permanently, or was cancelled.
        """
        self.stage = policy.step
        completed_steps = _completed_steps()
        if policy.step in completed_steps and self.saga.has_undos:
            try:
                return await shielded(run_step(step, argument, policy))
            except ActivityError:
                # Its inputs may already be compensated, if the lost run died while it was compensating.
                raise_if_cancelled()
                raise
        if completed_steps:
            raise_if_cancelled()
        return await run_step(step, argument, policy)

    async def paid_step(self, step: Step[Argument, Done], argument: Argument, policy: StepPolicy) -> Done:
        """Run one step; a person decides after an unresolved charge, or when the provider stays unreachable."""
        while True:
            try:
                return await self.step(step, argument, policy)
            except ActivityError as error:
                if await self._decision_after(error) is Decision.GIVE_UP:
                    raise

    async def optional_step(
        self, step: Step[Argument, Done], argument: Argument, policy: StepPolicy
    ) -> Done | StepFailure:
        """Run one step whose failure does not fail the workflow: the failure is returned, and a cancellation is raised."""
        try:
            return await self.step(step, argument, policy)
        except ActivityError as error:
            if is_cancellation(error):
                raise
            return StepFailure(cause_of(error))

    async def step_after_commit(
        self, step: Step[Argument, Done], argument: Argument, policy: StepPolicy
    ) -> Done | StepFailure | TooLate:
        """Run an optional step of a finished workflow: a cancellation comes too late, and is returned as `TooLate`."""
        is_committed = workflow.patched(names.COMMIT_POINT)
        try:
            if is_committed:
                raise_if_cancelled()
            return await self.optional_step(step, argument, policy)
        except (ActivityError, asyncio.CancelledError):  # a cancellation, as an optional step raises nothing else
            if not is_committed:
                raise
            return TooLate()

    async def skippable_step(self, step: Step[Argument, Done], argument: Argument, policy: StepPolicy) -> Done | None:
        """Run one step that a person may decide to skip when it fails; None when it was skipped."""
        while True:
            try:
                return await self.step(step, argument, policy)
            except ActivityError as error:
                match await self._decision_after(error):
                    case Decision.GIVE_UP:
                        raise
                    case Decision.GO_WITHOUT:
                        return None

    async def _decision_after(self, error: ActivityError) -> Decision:
        """A person's decision about a failed step; GIVE_UP where none is needed."""
        if is_cancellation(error) or not asks_a_person(error):
            return Decision.GIVE_UP
        return await self.decision_about(question_of(error))

    async def approved(self, question: ApprovalQuestion, notify: Notify) -> ApprovalDecision:
        """Park until a person approves the draft, perhaps with an edited text; `notify` sends the notices.

        Raises:
            ApplicationError: it was refused, or expired.
        """
        raise_if_cancelled()
        self.stage = "approval"
        decision = await self._approval.wait(question, notify)
        if decision.decision is Verdict.REFUSE:
            raise ApplicationError("a person refused the draft", type=ApprovalRefused.code, non_retryable=True)
        if decision.decision is Verdict.EXPIRE:
            raise ApplicationError("nobody approved the draft in time", type=ApprovalExpired.code, non_retryable=True)
        return decision

    async def run_to_end(self, steps: Coroutine[Any, Any, Outcome[Result]]) -> Result:
        """Run the steps and write their outcome; a permanent failure or a cancellation is compensated."""
        try:
            outcome = await steps
            if _completed_steps() and self.saga.has_undos:
                raise_if_cancelled()
        except BaseException as error:
            if not isinstance(error, FailureError) and not is_cancelled_exception(error):
                # The worker evicts a cached workflow, or our code is wrong: no outcome, the workflow task is retried.
                raise
            await self._close_unfinished(error)
            raise
        await self._close(outcome.status, outcome.closed)
        completed = workflow.metric_meter().create_counter(WORKFLOWS_COMPLETED.sdk_name, WORKFLOWS_COMPLETED.help)
        completed.add(1)
        return outcome.result

    async def _close_unfinished(self, error: BaseException) -> None:
        is_ended_by_person = is_cancellation(error) or is_refusal(error)
        leaves_calls = self.discards.has_undos and not is_ended_by_person
        await shielded(stop_model_calls(keep=leaves_calls))
        await shielded(self.saga.undo_all())
        if is_ended_by_person:
            # Cancelled and not failed, also when a draft is refused: a person ended it, without an error.
            await self._close_cancelled(Closed() if is_cancellation(error) else Closed(error=cause_of(error)))
            return
        cause = cause_of(error)
        if not await self._close(Status.FAILED, Closed(error=cause), unless_cancelled=leaves_calls):
            # A request to cancel was in the log before this outcome, and has not reached the workflow yet.
            await shielded(stop_model_calls(keep=False))
            await self._close_cancelled(Closed())
            return
        notice = Notice(kind=NoticeKind.FAILED, number=own_resumption(), code=cause["code"])
        await shielded(self.announce(notice))

    async def _close_cancelled(self, closed: Closed) -> None:
        if self.discards.has_undos and workflow.patched(names.COMMIT_POINT):
            await shielded(self.discards.undo_all())
        await self._close(Status.CANCELLED, closed)

    async def _close(self, status: Status, closed: Closed, *, unless_cancelled: bool = False) -> bool:
        self.stage = status.value
        await shielded(self._wait_for_notices())
        return await shielded(close_workflow(status, closed, unless_cancelled=unless_cancelled))

    async def _wait_for_notices(self) -> None:
        """Wait for the notices under way, at most seconds."""
        await self._approval.wait_for_notices()
        await asyncio.gather(*self._announcements, return_exceptions=True)


def _completed_steps() -> list[str]:
    """The steps that were completed when the engine lost this workflow; none in one that it has never lost."""
    return workflow.memo_value(names.COMPLETED_STEPS, [], type_hint=list[str])
