"""Parking a workflow until a person has seen its draft: asked, reminded, and given up when nobody answers.

The first decision wins. It comes as an update, which is answered, or as a signal of the same effect; both carry the client's
`decision_id`, so that one that is sent again is known.
"""

from contextlib import suppress
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from durable_research.domain.approval import (
    ApprovalAsked,
    ApprovalDecision,
    ApprovalQuestion,
    ApprovalWaits,
    Verdict,
    decided_as,
)
from durable_research.domain.errors import AlreadyDecided, InvalidState
from durable_research.domain.progress import EventKind
from durable_research.temporal.steps import note_approval


class Approval:
    """The one approval of a story."""

    def __init__(self) -> None:
        self._question: ApprovalQuestion | None = None
        self._decision: ApprovalDecision | None = None

    def check(self, decision: ApprovalDecision) -> None:
        """Refuse what cannot be decided, or is decided otherwise.

        Raises:
            ApplicationError: its type is the code of our error.
        """
        standing = self._decision
        if standing and standing.decision_id == decision.decision_id:
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

    async def wait(self, question: ApprovalQuestion) -> ApprovalDecision:
        """Ask, and wait as long as the question says."""
        # Whoever reads the event may answer before the writing of it has come back here.
        self._question = question
        waits = question.waits
        standing = await note_approval(EventKind.APPROVAL_ASKED, _asked(question).model_dump(mode="json"))
        if standing:  # the engine had lost this workflow, not our log: nobody is asked twice
            self._decision = standing
            return standing
        reminds = waits.reminder_seconds < waits.expiry_seconds
        if reminds and await self._decided_within(waits.reminder_seconds) is None:
            await note_approval(EventKind.APPROVAL_REMINDED, {})
        left = waits.expiry_seconds - (waits.reminder_seconds if reminds else 0)
        expired = ApprovalDecision(decision_id="", decision=Verdict.EXPIRE, draft_sha256=question.draft.text.sha256)
        decision = await self._decided_within(left) or expired
        self._decision = decision
        await note_approval(decision.decision.event, decided_as(decision))
        return decision

    async def _decided_within(self, seconds: float) -> ApprovalDecision | None:
        with suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._decision is not None, timeout=seconds)
        return self._decision


def _asked(question: ApprovalQuestion) -> ApprovalAsked:
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
        }
    )


def _refused(words: str, error: type[InvalidState]) -> ApplicationError:
    return ApplicationError(words, type=error.code, non_retryable=True)
