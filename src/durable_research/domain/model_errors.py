"""What can go wrong with a model's provider. The whole tree is drawn in `errors.py`."""

from durable_research.domain.errors import Ambiguous, StepFailed


class ProviderFailed(Ambiguous, code="provider_failed", counted=False):
    """The provider answered with a server error, which does not say whether it accepted the call.

    Not counted: how often it may be sent again is a row of its own, in the ledger.
    """


class ProviderSilent(Ambiguous, code="provider_silent"):
    """No byte of an answer came within the deadline."""


class ModelError(StepFailed, code="model_error"):
    """The model provider did not give us a usable answer."""


class ModelBusy(ModelError, code="rate_limited", waits=True):
    """Rate limited, overloaded, or still loading the model: nothing was accepted."""


class ModelUnavailable(ModelError, code="model_unavailable", waits=True):
    """The provider could not be reached, or could not be asked about a call that it may have accepted."""


class FieldRefused(ModelError, code="field_refused", counted=False):
    """The server does not know an optional field of the request; the adapter leaves it out from now on."""


class CannotAsk(ModelError, code="cannot_ask"):
    """The server has no way to ask about an earlier send, though its class says so: the send counts as class N."""


class GenerationFailed(ModelError, code="generation_failed"):
    """The provider accepted the call and says that it ended there without an answer, which is not charged."""


class AnswerBroken(ModelError, code="answer_broken"):
    """The provider accepted the call, charged it, and broke the answer off with an error."""


class ModelForgotten(ModelError, code="model_forgotten"):
    """The provider no longer knows a call that it had accepted, and perhaps charged."""


class AnswerLost(ModelError, code="answer_lost"):
    """The call was accepted and charged, but its answer could only be read by the attempt that asked."""


class QuotaExhausted(ModelError, code="quota_exhausted", permanent=True):
    """The account's money or quota is used up; nothing was charged, and waiting does not help."""


class ModelStopped(ModelError, code="model_stopped", permanent=True):
    """The answer ended for a reason that nobody here knows: charged, not published and not bought again.

    `text` is what came of it, which is kept.
    """

    def __init__(self, message: str = "", *, text: str = "") -> None:
        super().__init__(message)
        self.text = text


class OnlyReasoning(ModelError, code="only_reasoning", permanent=True):
    """The answer's whole length went into reasoning: the same call would end the same."""


class ModelRefused(ModelError, code="model_refused", permanent=True):
    """The provider refuses this request or this key; sending it again cannot help."""


class ModelTooLarge(ModelError, code="model_too_large", permanent=True):
    """The request is longer than the model takes; nothing was charged."""


class ModelDeclined(ModelError, code="model_declined", permanent=True):
    """The model, or the provider's filter, declines to answer this; a call that had been accepted is charged."""


class ModelTruncated(ModelError, code="model_truncated", permanent=True):
    """The answer was cut at its longest, and going on as often as is allowed did not finish it."""


class EmptyOutput(ModelError, code="empty_output"):
    """The provider finished and gave no text."""
