"""Approval: parks a workflow until a person decides about its draft; sends a reminder, and expires.

The first decision wins. It comes as an update, which is answered, or as a signal of the same effect; both carry the client's
`decision_id`, which identifies a repeated one.

Notices are sent meanwhile, so that no receiver delays a decision. A decision cancels those that are still on their way: one
that had not begun is never sent, and the workflow waits before its end (`wait_for_notices`) until none is left running.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, Literal

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from durable_research.domain.errors import AlreadyDecided, InvalidState
from durable_research.domain.workflows.approval import (
    BEFORE_NOTIFY,
    ApprovalAsked,
    ApprovalDecision,
    ApprovalNotice,
    ApprovalQuestion,
    ApprovalWaits,
    Verdict,
    decided_as,
)
from durable_research.domain.workflows.events import ApprovalOpened, EventKind, Payload
from durable_research.temporal import names
from durable_research.temporal.workflow.activities import note_approval
from durable_research.temporal.workflow.cancellation import raise_if_cancelled, shielded

Occasion = Literal[EventKind.APPROVAL_ASKED, EventKind.APPROVAL_REMINDED]
Notify = Callable[[ApprovalNotice], Coroutine[Any, Any, object]]


class Approval:
    """The one approval of a workflow."""

    def __init__(self) -> None:
        self._question: ApprovalQuestion | None = None
        self._decision: ApprovalDecision | None = None
        self._notices: list[asyncio.Task[object]] = []

    def check(self, decision: ApprovalDecision) -> None:
        """Refuse an invalid decision, and one that contradicts an earlier one.

        Raises:
            ApplicationError: its type is the code of our error.
        """
        recorded = self._decision
        if recorded and recorded == decision:
            return
        if recorded:
            words = f"the draft has been {recorded.decision.words} by decision {recorded.decision_id!r}"
            raise _refused(
                words if recorded.decision_id else f"the draft was {recorded.decision.words}", AlreadyDecided
            )
        if self._question is None:
            raise _refused("nothing waits for approval", InvalidState)
        if decision.draft_sha256 != self._question.draft.text.sha256:
            raise _refused("this is not the draft that waits for approval", InvalidState)
        if decision.decision not in self._question.verdicts:
            raise _refused(f"{decision.decision.value} cannot be decided here", InvalidState)

    def decide(self, decision: ApprovalDecision) -> ApprovalDecision:
        """Record a decision, and return the valid one.

        Raises:
            ApplicationError: as for `check`.
        """
        self.check(decision)
        self._decision = self._decision or decision
        return self._decision

    async def wait(self, question: ApprovalQuestion, notify: Notify) -> ApprovalDecision:
        """Write the question, send notices, and wait until a decision or the question's expiry."""
        # A reader of the event may answer before its write has returned here.
        self._question = question
        request = _request_of(question)
        recorded = await note_approval(
            EventKind.APPROVAL_ASKED, ApprovalOpened.model_validate(request.model_dump(mode="json"))
        )
        if isinstance(recorded, ApprovalDecision):
            # The engine lost this workflow, our log has its decision: no second question.
            self._decision = recorded
            return recorded
        try:
            # Histories from before notices existed have no answer here, and must replay without notices.
            decision = await self._decided(recorded or request, notify if recorded else None)
        finally:
            for notice in self._notices:
                notice.cancel()
        self._decision = decision
        if workflow.patched(names.COMMIT_POINT):
            commits = question.before == BEFORE_NOTIFY and decision.decision is Verdict.APPROVE
            await shielded(note_approval(decision.decision.event, decided_as(decision, commits=commits)))
        else:
            await note_approval(decision.decision.event, decided_as(decision))
        return decision

    async def wait_for_notices(self) -> None:
        """Wait for the notices under way, after a decision at most seconds. A failed notice fails no workflow."""
        await asyncio.gather(*self._notices, return_exceptions=True)

    async def _decided(self, request: ApprovalAsked, notify: Notify | None) -> ApprovalDecision:
        self._send(EventKind.APPROVAL_ASKED, request, notify)
        # By the times that people were shown: a workflow started again after a loss does not wait anew.
        if request.remind_at < request.expires_at and await self._decided_until(request.remind_at) is None:
            await note_approval(EventKind.APPROVAL_REMINDED, Payload())
            self._send(EventKind.APPROVAL_REMINDED, request, notify)
        expired = ApprovalDecision(decision_id="", decision=Verdict.EXPIRE, draft_sha256=request.draft_sha256)
        return await self._decided_until(request.expires_at) or expired

    def _send(self, occasion: Occasion, request: ApprovalAsked, notify: Notify | None) -> None:
        if notify and not self._decision:
            notice = ApprovalNotice(occasion=occasion, before=request.before, expires_at=request.expires_at)
            self._notices.append(asyncio.create_task(notify(notice)))

    async def _decided_until(self, moment: datetime) -> ApprovalDecision | None:
        raise_if_cancelled()
        # Never zero: then the SDK starts no timer, where earlier histories have one.
        left = max(moment - workflow.now(), timedelta(milliseconds=1))
        try:
            await workflow.wait_condition(lambda: self._decision is not None, timeout=left)
        except TimeoutError:
            pass
        except asyncio.CancelledError:
            if self._decision is None or not workflow.patched(names.COMMIT_POINT):
                self._question = None  # nothing can be decided any more
                raise
            # The person has the confirmation: the decision is valid, and the cancellation is raised after it.
        return self._decision


def _request_of(question: ApprovalQuestion) -> ApprovalAsked:
    def after(seconds: float) -> object:
        return workflow.now() + timedelta(seconds=seconds)

    waits: ApprovalWaits = question.waits
    return ApprovalAsked.model_validate(
        {
            "before": question.before,
            "draft_sha256": question.draft.text.sha256,
            "verdicts": question.verdicts,
            "remind_at": after(waits.reminder_seconds),
            "expires_at": after(waits.expiry_seconds),
            "texts": {"draft": question.draft},
            "pdf": question.pdf,
        }
    )


def _refused(words: str, error: type[InvalidState]) -> ApplicationError:
    return ApplicationError(words, type=error.code, non_retryable=True)
