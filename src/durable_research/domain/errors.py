"""Everything that can go wrong, drawn as one tree; each class owns its code, HTTP status and whether trying again can help.

ResearchError
├── Rejected                    what a person sent is wrong: nothing was changed
│   ├── InvalidInput            422, with one entry per field
│   ├── NotFound                404
│   ├── IdempotencyKeyReused    422
│   └── InvalidState            409
│       ├── NotReady            409: still being made
│       └── CancelRequested     409: a person wants it to stop, so no further step begins
├── StepFailed                  an attempt was answered with a failure: it counts against the step's cap
│   ├── Ambiguous               transient: sent, and no word whether it was done: ask before sending again
│   ├── ModelError
│   │   ├── ModelBusy           transient: rate limited or overloaded, perhaps with a time to wait
│   │   ├── ModelUnavailable    transient: unreachable
│   │   ├── GenerationFailed    transient: accepted, and ended there without an answer or a charge
│   │   ├── ModelForgotten      transient: the provider no longer knows a call that it had accepted
│   │   ├── ModelRefused        permanent: the provider says no to this request or this key
│   │   ├── ModelDeclined       permanent: it answered that it will not answer this
│   │   ├── ModelTruncated      permanent: the answer was cut at its longest
│   │   └── EmptyOutput         transient: the answer holds no text
│   ├── DocumentError           permanent: this text cannot be typeset
│   ├── RendererCrashed         transient: the child process died or hung
│   ├── NotificationFailed      transient: the receiver did not accept
│   │   └── NotificationRefused permanent: it never will
│   └── StepTimedOut            transient: our own deadline for one try
├── StillRunning                the provider is at work on an earlier send: look again, nothing is counted
├── UnknownKeyId                permanent: a payload was sealed with a key that we do not hold
├── PayloadUnreadable           permanent: a sealed payload was changed, or is not of this place
├── Unconfirmed                 the ledger's cap on ambiguous sends is used up: a person must decide
├── StaleAttempt                a newer attempt holds the step: this one must do nothing more
├── EffectMismatch              the same effect key came with another request: a bug of ours
└── InfrastructureDown          database, engine or object store out of reach: never counted
"""

from dataclasses import dataclass
from typing import ClassVar


class ResearchError(Exception):
    """The root: `code` is stable and public, `permanent` says that trying again cannot help.

    `counted` says whether it counts against the cap of the step that it ends.
    """

    code: ClassVar[str] = "internal_error"
    http_status: ClassVar[int] = 500
    permanent: ClassVar[bool] = False
    counted: ClassVar[bool] = True

    @property
    def detail(self) -> str:
        """One or two sentences for a person."""
        return str(self) or self.code


class Rejected(ResearchError):
    """The request is wrong; nothing was changed."""

    code = "rejected"
    http_status = 400
    permanent = True


@dataclass(frozen=True)
class FieldError:
    """One wrong field: where (a JSON pointer), a stable code, and words."""

    pointer: str
    code: str
    detail: str


class InvalidInput(Rejected):
    """One or more fields break their rule."""

    code = "invalid_input"
    http_status = 422

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(f"{error.pointer or '/'}: {error.detail}" for error in errors))
        self.errors = errors


class NotFound(Rejected):
    """No such thing, or not yours: the two are never told apart."""

    code = "not_found"
    http_status = 404


class IdempotencyKeyReused(Rejected):
    """The same Idempotency-Key came with another body."""

    code = "idempotency_key_reused"
    http_status = 422


class InvalidState(Rejected):
    """The thing exists, but its state does not allow this."""

    code = "invalid_state"
    http_status = 409


class NotReady(InvalidState):
    """The report is still being made."""

    code = "not_ready"


class CancelRequested(InvalidState):
    """A person wants the workflow to stop: no further step begins."""

    code = "cancel_requested"


class StepFailed(ResearchError):
    """An attempt ended with an answered failure, which counts against the step's cap."""

    code = "step_failed"
    http_status = 502


class Ambiguous(StepFailed):
    """The send may or may not have been accepted and charged: reconcile before sending again."""

    code = "ambiguous_send"


class ModelError(StepFailed):
    """The model provider did not give us a usable answer."""

    code = "model_error"


class ModelBusy(ModelError):
    """Rate limited or overloaded; `retry_after_seconds` is the provider's wish, if it gave one."""

    code = "rate_limited"

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ModelUnavailable(ModelError):
    """The provider could not be reached; nothing was sent."""

    code = "model_unavailable"


class GenerationFailed(ModelError):
    """The provider accepted the call and says that it ended there without an answer, which is not charged."""

    code = "generation_failed"


class ModelForgotten(ModelError):
    """The provider no longer knows a call that it had accepted, and perhaps charged."""

    code = "model_forgotten"


class ModelRefused(ModelError):
    """The provider refuses this request or this key; sending it again cannot help."""

    code = "model_refused"
    permanent = True


class ModelDeclined(ModelError):
    """The model, or the provider's filter, declines to answer this; the call is charged."""

    code = "model_declined"
    permanent = True


class ModelTruncated(ModelError):
    """The answer reached its longest and was cut."""

    code = "model_truncated"
    permanent = True


class EmptyOutput(ModelError):
    """The provider finished and gave no text."""

    code = "empty_output"


class DocumentError(StepFailed):
    """This text cannot be typeset; the words name the offending part."""

    code = "document_error"
    permanent = True


class RendererCrashed(StepFailed):
    """The rendering process died, hung or used too much."""

    code = "renderer_crashed"


class NotificationFailed(StepFailed):
    """The receiver did not accept the notification."""

    code = "notification_failed"


class NotificationRefused(NotificationFailed):
    """The receiver says that it will never accept this notification."""

    code = "notification_refused"
    permanent = True


class StepTimedOut(StepFailed):
    """One try of a step reached our own deadline for it."""

    code = "step_timed_out"
    http_status = 504


class Unconfirmed(ResearchError):
    """Sent, no answer, no way to ask, and the cap on such re-sends is used up."""

    code = "unconfirmed_effect"
    http_status = 502
    permanent = True


class UnknownKeyId(ResearchError):
    """A payload was sealed with a key that the setting does not hold."""

    code = "unknown_key_id"
    http_status = 422
    permanent = True


class PayloadUnreadable(ResearchError):
    """A sealed payload does not open: it was changed, or sealed by another key or in another namespace."""

    code = "payload_unreadable"
    http_status = 422
    permanent = True


class StillRunning(ResearchError):
    """The provider is at work on an earlier send, or may yet show it: look again soon."""

    code = "still_running"
    http_status = 409
    counted = False


class StaleAttempt(ResearchError):
    """A newer attempt has taken this step over; this one stops without a trace."""

    code = "stale_attempt"
    http_status = 409
    counted = False


class EffectMismatch(ResearchError):
    """The same effect key was used for another request."""

    code = "effect_mismatch"
    permanent = True


class InfrastructureDown(ResearchError):
    """Something of ours is out of reach; the work waits and nothing is counted."""

    code = "dependency_unavailable"
    http_status = 503
    counted = False
