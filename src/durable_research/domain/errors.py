"""All errors, drawn as one tree; each class has its code, its HTTP status and whether a retry can help.

ResearchError
├── Rejected                    what a person sent is wrong: nothing was changed
│   ├── InvalidInput            422, with one entry per field
│   ├── NotFound                404
│   │   └── UnknownPipeline     404: the names of pipelines are public, so the message lists them
│   ├── IdempotencyKeyReused    422
│   └── InvalidState            409
│       ├── NotReady            409: still being made
│       ├── TooManySchedules    409: a tenant has as many as are allowed
│       ├── AlreadyDecided      409: another decision about the same draft came first
│       └── CancelRequested     409: a person requested the cancellation, so no further step begins
├── StepFailed                  an attempt was answered with a failure: it counts against the step's cap
│   ├── Ambiguous               transient: sent, with an unknown outcome: look it up before sending again
│   │   ├── ProviderFailed      transient: the provider answered 5xx, and may have accepted the call
│   │   └── ProviderSilent      transient: no byte of an answer within the deadline
│   ├── ModelError
│   │   ├── ModelBusy           waits: rate limited, overloaded or loading, perhaps with a time to wait
│   │   ├── ModelUnavailable    waits: unreachable, nothing was sent
│   │   ├── FieldRefused        transient: the server refuses an optional field; the next send leaves it out
│   │   ├── CannotAsk           transient: this server has no look-up
│   │   ├── GenerationFailed    transient: accepted, and ended at the provider without answer or charge
│   │   ├── AnswerBroken        transient: accepted and charged, and broken off by the provider's error
│   │   ├── ModelForgotten      transient: the provider has no record of an accepted call any more
│   │   ├── AnswerLost          transient: accepted and charged, and only the sending attempt could read it
│   │   ├── QuotaExhausted      permanent: the account's money or quota is used up
│   │   ├── ModelStopped        permanent: charged, and ended for an unknown reason
│   │   ├── OnlyReasoning       permanent: charged, and its whole length went into reasoning
│   │   ├── ModelRefused        permanent: the provider refuses this request or this key
│   │   ├── ModelTooLarge       permanent: the request is longer than the model takes
│   │   ├── ModelDeclined       permanent: the model, or the provider's filter, declines to answer
│   │   ├── ModelTruncated      permanent: the answer was cut at its longest
│   │   └── EmptyOutput         transient: the answer holds no text
│   ├── DocumentError           permanent: this text cannot be typeset
│   ├── RendererCrashed         transient: the child process crashed or hung
│   ├── NotificationFailed      transient: the receiver did not accept
│   │   ├── NotificationBusy    waits: rate limited, perhaps with a time to wait
│   │   ├── NotificationUnavailable waits: unreachable, nothing was sent
│   │   ├── RedirectRefused     transient: the receiver answers with another address, which is not followed
│   │   └── NotificationRefused permanent: it never will
│   │       └── ForbiddenAddress permanent: the receiver's name resolves to a forbidden IP address
│   ├── OutputInvalid           permanent: the text breaks a rule that was set for it
│   └── StepTimedOut            transient: our own deadline for one try
├── StillRunning                the provider still runs an earlier send: poll again, nothing is counted
├── DecisionNeeded              sent, without a look-up, and the policy leaves a re-send to a person
├── ApprovalRefused             a person refused the draft: the workflow ends as cancelled
├── ApprovalExpired             no decision came in time: the workflow fails, and can be resumed
├── UnknownKeyId                permanent: a payload was sealed with a key that we do not hold
├── PayloadUnreadable           permanent: a sealed payload was changed, or is of another namespace
├── Unconfirmed                 the ledger's cap on ambiguous sends is used up: not sent again
├── StaleAttempt                a newer attempt holds the step: this one must do nothing more
├── EffectMismatch              the same effect key came with another request: a bug of ours
└── InfrastructureDown          database, engine or object store out of reach: never counted
"""

from dataclasses import dataclass
from typing import ClassVar


class ResearchError(Exception):
    """The root: `code` is stable and public; `permanent` means that a retry cannot help (for one error, by its history).

    `counted` means that it counts against the cap of the step. `waits` means that the provider accepts nothing for now: the
    step polls again, uncounted, for as long as its policy allows.
    """

    code: ClassVar[str] = "internal_error"
    http_status: ClassVar[int] = 500
    permanent: bool = False
    counted: ClassVar[bool] = True
    waits: bool = False

    def __init_subclass__(
        cls,
        *,
        code: str | None = None,
        http_status: int | None = None,
        permanent: bool | None = None,
        counted: bool | None = None,
        waits: bool | None = None,
    ) -> None:
        attributes = {
            "code": code,
            "http_status": http_status,
            "permanent": permanent,
            "counted": counted,
            "waits": waits,
        }
        for name, value in attributes.items():
            if value is not None:
                setattr(cls, name, value)

    @property
    def detail(self) -> str:
        """One or two sentences for a person."""
        return str(self) or self.code


class Rejected(ResearchError, code="rejected", http_status=400, permanent=True):
    """The request is wrong; nothing was changed."""


@dataclass(frozen=True)
class FieldError:
    """One wrong field: where (a JSON pointer), a stable code, and words."""

    pointer: str
    code: str
    detail: str


class InvalidInput(Rejected, code="invalid_input", http_status=422):
    """One or more fields break their rule."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(f"{error.pointer or '/'}: {error.detail}" for error in errors))
        self.errors = errors


class NotFound(Rejected, code="not_found", http_status=404):
    """Unknown, or another tenant's: clients cannot distinguish the two."""


class UnknownPipeline(NotFound, code="unknown_pipeline"):
    """No pipeline has that name; the message lists the names."""


class IdempotencyKeyReused(Rejected, code="idempotency_key_reused", http_status=422):
    """The same Idempotency-Key came with another body."""


class InvalidState(Rejected, code="invalid_state", http_status=409):
    """The thing exists, but its state does not allow this."""


class NotReady(InvalidState, code="not_ready"):
    """The report is still being made."""


class TooManySchedules(InvalidState, code="too_many_schedules"):
    """The tenant has as many schedules as are allowed: delete one first."""


class AlreadyDecided(InvalidState, code="already_decided"):
    """An earlier decision about the same draft is valid."""


class CancelRequested(InvalidState, code="cancel_requested"):
    """A person requested the cancellation: no further step begins."""


class StepFailed(ResearchError, code="step_failed", http_status=502):
    """An attempt ended with an answered failure, which counts against the step's cap.

    `retry_after_seconds` is the wait that the answer requests, if any; the next attempt honours it.
    """

    def __init__(self, message: str = "", retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Ambiguous(StepFailed, code="ambiguous_send"):
    """The send may or may not have been accepted and charged: reconcile before sending again."""


class DocumentError(StepFailed, code="document_error", permanent=True):
    """This text cannot be typeset; the message names the part."""


class RendererCrashed(StepFailed, code="renderer_crashed"):
    """The rendering process crashed, hung or used too much memory or time."""


class NotificationFailed(StepFailed, code="notification_failed"):
    """The receiver did not accept the notification."""


class NotificationBusy(NotificationFailed, code="notification_busy", waits=True):
    """The receiver has had too many messages for now."""


class NotificationUnavailable(NotificationFailed, code="notification_unavailable", waits=True):
    """The receiver could not be reached; nothing was sent, or an earlier send could not be looked up."""


class RedirectRefused(NotificationFailed, code="redirect_refused"):
    """The receiver answered with another address; redirects are not followed."""


class NotificationRefused(NotificationFailed, code="notification_refused", permanent=True):
    """The receiver refuses this notification permanently."""


class ForbiddenAddress(NotificationRefused, code="forbidden_address"):
    """The receiver's name resolves to an IP address that is not public."""


class OutputInvalid(StepFailed, code="output_invalid", permanent=True):
    """A text that a model wrote breaks a rule that was set for it."""


class StepTimedOut(StepFailed, code="step_timed_out", http_status=504):
    """One try of a step reached our own deadline for it."""


class Unconfirmed(ResearchError, code="unconfirmed_effect", http_status=502, permanent=True):
    """Sent without an answer or a look-up, and the cap on such re-sends is used up."""


class DecisionNeeded(ResearchError, code="decision_needed", http_status=409, permanent=True, counted=False):
    """An earlier send is unresolved, and the policy leaves it to a person whether to send again."""


class ApprovalRefused(ResearchError, code="approval_refused", http_status=409, permanent=True, counted=False):
    """A person refused the draft."""


class ApprovalExpired(ResearchError, code="approval_expired", http_status=409, permanent=True, counted=False):
    """No person approved the draft in time."""


class UnknownKeyId(ResearchError, code="unknown_key_id", http_status=422, permanent=True):
    """A payload was sealed with a key that the setting does not hold."""


class PayloadUnreadable(ResearchError, code="payload_unreadable", http_status=422, permanent=True):
    """A sealed payload does not open: it was changed, or sealed by another key or in another namespace."""


class StillRunning(ResearchError, code="still_running", http_status=409, counted=False):
    """The provider still runs an earlier send, or may show it later: poll again soon."""


class StaleAttempt(ResearchError, code="stale_attempt", http_status=409, counted=False):
    """A newer attempt holds the step; this one stops and writes nothing."""


class EffectMismatch(ResearchError, code="effect_mismatch", permanent=True):
    """The same effect key was used for another request."""


class InfrastructureDown(ResearchError, code="dependency_unavailable", http_status=503, counted=False):
    """Database, engine or object store is unreachable; the work waits and nothing is counted."""
