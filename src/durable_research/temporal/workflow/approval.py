"""Approval: parks a workflow until a person decides about its draft; sends a reminder, and expires.

The first decision wins. It comes as an update, which is answered, or as a signal of the same effect; both carry the client's
`decision_id`, so that one that is sent again is known.

Notices are sent meanwhile, so that no receiver delays a decision. A decision cancels those that are still on their way: one
that had not begun is never sent, and the workflow waits before its end (`quiet`) until none is left running.
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
        """Refuse what cannot be decided, or is decided otherwise.

        Raises:
            ApplicationError: its type is the code of our error.
        """
        standing = self._decision
        if standing and standing == decision:
            return
        if standing:
            words = f"the draft has been {standing.decision.words} by decision {standing.decision_id!r}"
            raise _refused(
                words if standing.decision_id else f"the draft was {standing.decision.words}", AlreadyDecided
            )
        if self._question is None:
            raise _refused("nothing waits for approval", InvalidState)
        if decision.draft_sha256 != self._question.draft.text.sha256:
            raise _refused("this is not the draft that waits for approval", InvalidState)
        if decision.decision not in self._question.verdicts:
            raise _refused(f"{decision.decision.value} cannot be decided here", InvalidState)

    def decide(self, decision: ApprovalDecision) -> ApprovalDecision:
        """Take a decision, and return it as it stands.

        Raises:
            ApplicationError: as for `check`.
        """
        self.check(decision)
        self._decision = self._decision or decision
        return self._decision

    async def wait(self, question: ApprovalQuestion, notify: Notify) -> ApprovalDecision:
        """Write the question, send notices, and wait as long as the question says."""
        # A reader of the event may answer before its write has returned here.
        self._question = question
        asked = _parked(question)
        standing = await note_approval(
            EventKind.APPROVAL_ASKED, ApprovalOpened.model_validate(asked.model_dump(mode="json"))
        )
        if isinstance(standing, ApprovalDecision):
            # The engine lost this workflow, our log did not: no second question.
            self._decision = standing
            return standing
        try:
            # Histories from before notices existed have no answer here, and must replay without notices.
            decision = await self._decided(standing or asked, notify if standing else None)
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

    async def quiet(self) -> None:
        """Wait until no notice is being sent any more, after a decision seconds at most. A failed notice fails no workflow."""
        await asyncio.gather(*self._notices, return_exceptions=True)

    async def _decided(self, asked: ApprovalAsked, notify: Notify | None) -> ApprovalDecision:
        self._send(EventKind.APPROVAL_ASKED, asked, notify)
        # By the times that people were shown: a workflow that was lost and begun again does not wait anew.
        if asked.remind_at < asked.expires_at and await self._decided_until(asked.remind_at) is None:
            await note_approval(EventKind.APPROVAL_REMINDED, Payload())
            self._send(EventKind.APPROVAL_REMINDED, asked, notify)
        expired = ApprovalDecision(decision_id="", decision=Verdict.EXPIRE, draft_sha256=asked.draft_sha256)
        return await self._decided_until(asked.expires_at) or expired

    def _send(self, occasion: Occasion, asked: ApprovalAsked, notify: Notify | None) -> None:
        if notify and not self._decision:
            notice = ApprovalNotice(occasion=occasion, before=asked.before, expires_at=asked.expires_at)
            self._notices.append(asyncio.create_task(notify(notice)))

    async def _decided_until(self, moment: datetime) -> ApprovalDecision | None:
        raise_if_cancelled()
        # Never nothing: without a time to wait for the SDK starts no timer, where a history of before has one.
        left = max(moment - workflow.now(), timedelta(milliseconds=1))
        try:
            await workflow.wait_condition(lambda: self._decision is not None, timeout=left)
        except TimeoutError:
            pass
        except asyncio.CancelledError:
            if self._decision is None or not workflow.patched(names.COMMIT_POINT):
                self._question = None  # nothing can be decided any more
                raise
            # The person was answered that it is decided: the decision stands, and the cancellation is raised after it.
        return self._decision


def _parked(question: ApprovalQuestion) -> ApprovalAsked:
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
