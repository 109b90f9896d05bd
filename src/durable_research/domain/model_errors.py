"""The errors of a model's provider. The whole tree is drawn in `errors.py`."""

from durable_research.domain.errors import Ambiguous, StepFailed


class ProviderFailed(Ambiguous, code="provider_failed", counted=False):
    """The provider answered with a server error, and may have accepted the call.

    Not counted: the ledger has a cap of its own for such re-sends.
    """


class ProviderSilent(Ambiguous, code="provider_silent"):
    """No byte of an answer came within the deadline."""


class ModelError(StepFailed, code="model_error"):
    """The model provider returned no usable answer."""


class ModelBusy(ModelError, code="rate_limited", waits=True):
    """Rate limited, overloaded, or still loading the model: nothing was accepted."""


class ModelUnavailable(ModelError, code="model_unavailable", waits=True):
    """The provider could not be reached, for a send or for a look-up."""


class FieldRefused(ModelError, code="field_refused", counted=False):
    """The server refuses an optional field of the request; the adapter leaves it out from now on."""


class CannotAsk(ModelError, code="cannot_ask"):
    """The server has no look-up for an earlier send, contrary to its class: the send counts as class N."""


class GenerationFailed(ModelError, code="generation_failed"):
    """The provider accepted the call and reports that it ended without an answer, which is not charged."""


class AnswerBroken(ModelError, code="answer_broken"):
    """The provider accepted the call, charged it, and broke the answer off with an error."""


class ModelForgotten(ModelError, code="model_forgotten"):
    """The provider has no record any more of a call that it had accepted, and perhaps charged."""


class AnswerLost(ModelError, code="answer_lost"):
    """The call was accepted and charged, but only the sending attempt could read its answer."""


class QuotaExhausted(ModelError, code="quota_exhausted", permanent=True):
    """The account's money or quota is used up; nothing was charged, and waiting does not help."""


class ModelStopped(ModelError, code="model_stopped", permanent=True):
    """The answer ended for an unknown reason: charged, not published and not bought again.

    `text` is the text received, which is stored.
    """

    def __init__(self, message: str = "", *, text: str = "") -> None:
        super().__init__(message)
        self.text = text


class OnlyReasoning(ModelError, code="only_reasoning", permanent=True):
    """Reasoning used the answer's whole length: the same call would end the same way."""


class ModelRefused(ModelError, code="model_refused", permanent=True):
    """The provider refuses this request or this key; sending it again cannot help."""


class ModelTooLarge(ModelError, code="model_too_large", permanent=True):
    """The request is longer than the model takes; nothing was charged."""


class ModelDeclined(ModelError, code="model_declined", permanent=True):
    """The model, or the provider's filter, declines to answer this; a call that had been accepted is charged."""


class ModelTruncated(ModelError, code="model_truncated", permanent=True):
    """The answer was cut at its length limit, and all allowed continuations did not finish it."""


class EmptyOutput(ModelError, code="empty_output"):
    """The provider finished without a text."""
