"""A person's approval of a draft before a workflow continues: the question, its deadlines, and the possible answers."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from durable_research.domain.documents.text import TextReference, WrittenText
from durable_research.domain.requests.report import DocumentReference
from durable_research.domain.values import Value
from durable_research.domain.workflows.events import ApprovalDecided, EditedText, EventKind

# The step before which a report waits for approval.
BEFORE_PDF = "before_pdf"
BEFORE_NOTIFY = "before_notify"


class Verdict(StrEnum):
    """What became of a draft. Only the clock lets it expire."""

    APPROVE = "approve"
    EDIT = "edit"
    REFUSE = "refuse"
    EXPIRE = "expire"

    @property
    def event(self) -> EventKind:
        """The kind of event that records this verdict."""
        return _EVENTS[self]

    @property
    def words(self) -> str:
        """The verdict as a person reads it."""
        return _WORDS[self]


_EVENTS = {
    Verdict.APPROVE: EventKind.APPROVAL_GIVEN,
    Verdict.EDIT: EventKind.APPROVAL_GIVEN,
    Verdict.REFUSE: EventKind.APPROVAL_REFUSED,
    Verdict.EXPIRE: EventKind.APPROVAL_EXPIRED,
}
_WORDS = {
    Verdict.APPROVE: "approved",
    Verdict.EDIT: "edited and approved",
    Verdict.REFUSE: "refused",
    Verdict.EXPIRE: "given up, as nobody had answered in time",
}


class ApprovalWaits(Value):
    """How long a person is waited for, frozen in the message that starts a workflow. Seconds."""

    reminder_seconds: float = timedelta(days=1).total_seconds()
    expiry_seconds: float = timedelta(days=7).total_seconds()


class ApprovalQuestion(Value):
    """A draft that waits, typeset already or not, and what can be answered."""

    before: str
    draft: WrittenText
    verdicts: tuple[Verdict, ...]
    waits: ApprovalWaits
    pdf: DocumentReference | None = None


class _Waiting(Value):
    before: str
    expires_at: datetime

    @property
    def words(self) -> str:
        """What waits for approval and until when, as a person reads it."""
        until = f"until {self.expires_at:%Y-%m-%d %H:%M} UTC"
        if self.before == BEFORE_NOTIFY:
            return f"the report is made; approve it to have it told, or refuse ({until})"
        return f"the draft is written; approve it to have it typeset, edit it or refuse ({until})"


class ApprovalAsked(_Waiting):
    """The question as stored in the log; `texts` and `pdf` are hidden from people."""

    draft_sha256: str
    verdicts: tuple[Verdict, ...]
    remind_at: datetime
    texts: dict[str, WrittenText]
    pdf: DocumentReference | None = None

    @property
    def draft(self) -> WrittenText:
        return self.texts["draft"]


class ApprovalNotice(_Waiting):
    """A notice about a waiting draft: the first one, or a reminder."""

    occasion: Literal[EventKind.APPROVAL_ASKED, EventKind.APPROVAL_REMINDED]

    @property
    def is_reminder(self) -> bool:
        """Whether an earlier notice was sent."""
        return self.occasion is EventKind.APPROVAL_REMINDED


class ApprovalDecision(Value):
    """One answer. `decision_id` is the client's own: the same one again is the same answer."""

    decision_id: str
    decision: Verdict
    draft_sha256: str
    edited: TextReference | None = None


def decided_as(decision: ApprovalDecision, *, commits: bool = False) -> ApprovalDecided:
    """The decision as its event stores it: the reference of an edited text is a field hidden from people."""
    return ApprovalDecided(
        decision_id=decision.decision_id,
        decision=decision.decision,
        draft_sha256=decision.draft_sha256,
        **({"texts": EditedText(edited=decision.edited)} if decision.edited else {}),
        **({"commits": True} if commits else {}),
    )


def decision_of(decided: ApprovalDecided) -> ApprovalDecision:
    """The decision that an event stores."""
    return ApprovalDecision(
        decision_id=decided.decision_id,
        decision=Verdict(decided.decision),
        draft_sha256=decided.draft_sha256,
        edited=decided.edited,
    )
