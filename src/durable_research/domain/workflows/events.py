"""The kinds of events in the progress log, and the payload of each: one frozen type for each kind.

A payload accepts every row that an earlier version wrote: unknown fields stay, missing ones have defaults. A field marked
`_HIDDEN` is for reconciliation and for the fence: API and pages do not show it.
"""

from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from durable_research.domain.documents.text import TextReference, WrittenText
from durable_research.domain.requests.report import DocumentReference
from durable_research.domain.shapes import FailureBody


class EventKind(StrEnum):
    """What happened. Each is written at most once for a (workflow, step, attempt).

    An event of the workflow itself has no step; its attempt is the workflow's resumption, 0 until it is resumed first.
    """

    ACCEPTED = "accepted"
    ATTEMPT_STARTED = "attempt_started"
    ATTEMPT_REATTACHED = "attempt_reattached"
    CALL_SENT_AGAIN = "call_sent_again"
    PROVIDER_ANSWERED = "provider_answered"
    ATTEMPT_COMPLETED = "attempt_completed"
    ATTEMPT_FAILED = "attempt_failed"
    ATTEMPT_LOST = "attempt_lost"
    ATTEMPT_HANDED_BACK = "attempt_handed_back"
    ATTEMPT_CANCELLED = "attempt_cancelled"
    APPROVAL_ASKED = "approval_asked"
    APPROVAL_REMINDED = "approval_reminded"
    APPROVAL_GIVEN = "approval_given"
    APPROVAL_REFUSED = "approval_refused"
    APPROVAL_EXPIRED = "approval_expired"
    CANCEL_REQUESTED = "cancel_requested"
    CLOSED = "closed"
    STORED_LATER = "stored_later"
    RESUMED = "resumed"


ENDS_OF_ATTEMPT = frozenset(
    {
        EventKind.ATTEMPT_COMPLETED,
        EventKind.ATTEMPT_FAILED,
        EventKind.ATTEMPT_LOST,
        EventKind.ATTEMPT_HANDED_BACK,
        EventKind.ATTEMPT_CANCELLED,
    }
)

# Each ends the question that `approval_asked` opened.
ENDS_OF_APPROVAL = frozenset({EventKind.APPROVAL_GIVEN, EventKind.APPROVAL_REFUSED, EventKind.APPROVAL_EXPIRED})


# Fields by name, where SQL reads them or a result has them too.
UNDOES = "undoes"
LEFT_OUT = "left_out"
COMMITS = "commits"


class _Hidden:
    """Marks a field that API and pages do not show."""


_HIDDEN = _Hidden()


def _whole(error: object) -> object:
    """A failure with both its fields."""
    return {"code": "", "detail": "no reason was given", **error} if isinstance(error, dict) else error


_Failure = Annotated[FailureBody, BeforeValidator(_whole)]
_Time = Annotated[datetime, PlainSerializer(datetime.isoformat, when_used="json")]


class Payload(BaseModel):
    """What an event holds."""

    model_config = ConfigDict(frozen=True, extra="allow")

    def stored(self) -> dict[str, Any]:
        """The payload as the log stores it: the fields that were set, each whole, as JSON."""
        return self.model_dump(mode="json", include=self.model_fields_set)

    @classmethod
    @cache
    def hidden(cls) -> frozenset[str]:
        """The names of the fields that API and pages do not show."""
        return frozenset(name for name, field in cls.model_fields.items() if _HIDDEN in field.metadata)


class Accepted(Payload):
    """The request was accepted; with `begins_at`, the work begins then."""

    title: str = ""
    begins_at: _Time | None = None


class OfWorker(Payload):
    """A worker re-attached to a call, died, handed the step back, or stopped as the workflow was cancelled."""

    worker: str | None = None


class AttemptStarted(OfWorker):
    """A worker began the step. The first one that `undoes` another step begins the compensation of the workflow."""

    undoes: bool = False
    engine_run: Annotated[str, _HIDDEN] = ""
    engine_attempt: Annotated[int, _HIDDEN] = 0


class SentAgain(Payload):
    """A call was sent once more, which may be charged besides another."""

    possible_extra: int | None = None


class AttemptCompleted(Payload):
    """The step succeeded; `left_out` is the reason when it had nothing to do."""

    left_out: str = ""


class AttemptFailed(OfWorker):
    """The step failed: counted towards its cap or not, finally or to be retried. Times in seconds.

    `wait_left_seconds` is how long the step continues to wait for its provider; zero at the end of the wait.
    """

    error: _Failure | None = None
    counted: bool = False
    final: bool = False
    asks_a_person: bool = False
    retry_in_seconds: float | None = None
    wait_left_seconds: float | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether the step still waits for its provider."""
        return bool(self.wait_left_seconds)


class DraftText(BaseModel):
    """The text that waits for approval."""

    draft: WrittenText | None = None


class EditedText(BaseModel):
    """The text that a person approved instead."""

    edited: TextReference | None = None


class CorrectedText(BaseModel):
    """The text that a person corrected for a resumption."""

    corrected: WrittenText | None = None


class ApprovalOpened(Payload):
    """A draft waits for a person until it expires; the reminder comes before."""

    before: str = ""
    draft_sha256: str = ""
    verdicts: tuple[str, ...] = ()
    remind_at: datetime | None = None
    expires_at: datetime | None = None
    texts: Annotated[DraftText | None, _HIDDEN] = None
    pdf: Annotated[DocumentReference | None, _HIDDEN] = None


class ApprovalDecided(Payload):
    """What became of a draft. One that `commits` finishes the report: a cancellation comes too late."""

    decision_id: str = ""
    decision: str = ""
    draft_sha256: str = ""
    texts: Annotated[EditedText | None, _HIDDEN] = None
    commits: Annotated[bool, _HIDDEN] = False

    @property
    def edited(self) -> TextReference | None:
        """The text that was approved instead of the draft."""
        return self.texts.edited if self.texts else None


class Closed(Payload):
    """The outcome. `skipped` holds the steps that a late cancellation prevented after the commit point, with the reason.

    `to_store` is the row of a partly done report, for reconciliation to store.
    """

    status: str = ""
    error: _Failure | None = None
    skipped: dict[str, str] = {}
    pages: int | None = None
    notified: tuple[str, ...] | None = None
    not_notified: tuple[str, ...] | None = None
    notification_error: _Failure | None = None
    title: str = ""
    texts: Annotated[dict[str, WrittenText], _HIDDEN] = {}
    to_store: Annotated[dict[str, Any] | None, _HIDDEN] = None


class ResumedWith(Payload):
    """A person resumed the workflow: with a corrected text, or with another generation of the model's."""

    generation: int = 0
    accepted_charge: bool = False
    replaces_text: bool = False  # older rows have their text alone
    key: Annotated[str | None, _HIDDEN] = None
    texts: Annotated[CorrectedText | None, _HIDDEN] = None

    @property
    def corrected(self) -> WrittenText | None:
        """The text that a person corrected; API and pages do not show it, and say `replaces_text`."""
        return self.texts.corrected if self.texts else None


PAYLOADS: dict[EventKind, type[Payload]] = {
    EventKind.ACCEPTED: Accepted,
    EventKind.ATTEMPT_STARTED: AttemptStarted,
    EventKind.ATTEMPT_REATTACHED: OfWorker,
    EventKind.CALL_SENT_AGAIN: SentAgain,
    EventKind.PROVIDER_ANSWERED: Payload,
    EventKind.ATTEMPT_COMPLETED: AttemptCompleted,
    EventKind.ATTEMPT_FAILED: AttemptFailed,
    EventKind.ATTEMPT_LOST: OfWorker,
    EventKind.ATTEMPT_HANDED_BACK: OfWorker,
    EventKind.ATTEMPT_CANCELLED: OfWorker,
    EventKind.APPROVAL_ASKED: ApprovalOpened,
    EventKind.APPROVAL_REMINDED: Payload,
    EventKind.APPROVAL_GIVEN: ApprovalDecided,
    EventKind.APPROVAL_REFUSED: ApprovalDecided,
    EventKind.APPROVAL_EXPIRED: ApprovalDecided,
    EventKind.CANCEL_REQUESTED: Payload,
    EventKind.CLOSED: Closed,
    EventKind.STORED_LATER: Closed,
    EventKind.RESUMED: ResumedWith,
}


def payload_of(kind: EventKind, data: dict[str, Any]) -> Payload:
    """The payload of an event of this kind, read from its row."""
    return PAYLOADS[kind].model_validate(data)
