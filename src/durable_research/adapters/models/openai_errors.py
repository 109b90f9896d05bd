"""OpenAI's errors as ours, for every API of theirs and whatever speaks them: one table, read from both sides.

The vendor's words are not shown, as they may quote a prompt or a key.
Source: the installed SDK's `_exceptions.py`, version 3.54, read 2026-11-21.
"""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime

import openai

from durable_research.domain.errors import Ambiguous, StepFailed, StillRunning
from durable_research.domain.model_errors import (
    ModelBusy,
    ModelDeclined,
    ModelForgotten,
    ModelRefused,
    ModelTooLarge,
    ModelTruncated,
    ModelUnavailable,
)
from durable_research.domain.retry_after import retry_after_seconds

# Most specific first. What a send's failure means: certainly refused, or perhaps accepted.
TRANSLATIONS: dict[type[openai.OpenAIError], type[StepFailed]] = {
    openai.RateLimitError: ModelBusy,
    openai.BadRequestError: ModelRefused,
    openai.AuthenticationError: ModelRefused,
    openai.PermissionDeniedError: ModelRefused,
    openai.NotFoundError: ModelRefused,
    openai.UnprocessableEntityError: ModelRefused,
    openai.ContentFilterFinishReasonError: ModelDeclined,
    openai.LengthFinishReasonError: ModelTruncated,
    openai.ConflictError: Ambiguous,
    openai.InternalServerError: Ambiguous,
    openai.APITimeoutError: Ambiguous,
    openai.APIConnectionError: Ambiguous,
    openai.APIResponseValidationError: Ambiguous,
    openai.APIStatusError: Ambiguous,
    openai.APIError: Ambiguous,
    openai.OpenAIError: Ambiguous,
}
# Refusals that have a name of their own; `content_filter` is how Azure turns a prompt away.
BY_CODE: dict[str, type[StepFailed]] = {
    "content_filter": ModelDeclined,
    "context_length_exceeded": ModelTooLarge,
    "string_above_max_length": ModelTooLarge,
}
CONVERSATION_LOCKED = "conversation_locked"
_TOO_LARGE_STATUS = 413
_WORDS = {
    ModelBusy: "the provider is busy",
    ModelDeclined: "the provider's content filter turned the request away",
    ModelRefused: "the provider refuses the request",
    ModelTooLarge: "the request is longer than the model takes",
    ModelTruncated: "the answer was cut at its longest",
    Ambiguous: "the provider gave no usable word whether it accepted the call",
    ModelUnavailable: "the provider cannot be reached",
}
_NEVER_CONNECTED = ("ConnectError", "ConnectTimeout", "PoolTimeout")


def translate(error: openai.OpenAIError) -> StepFailed | StillRunning:
    """One vendor error as one of ours."""
    status = getattr(error, "status_code", None)
    code = getattr(error, "code", None)
    detail = ", ".join(str(part) for part in (f"HTTP {status}" if status else None, code) if part)
    if code == CONVERSATION_LOCKED:
        return StillRunning("an earlier call still runs on this conversation")
    made = _class_of(error, status, code)
    words = f"{_WORDS[made]} ({detail})" if detail else _WORDS[made]
    headers = getattr(getattr(error, "response", None), "headers", {})
    return made(words, retry_after_seconds(headers, datetime.now(UTC)))


def _class_of(error: openai.OpenAIError, status: int | None, code: str | None) -> type[StepFailed]:
    if isinstance(error, openai.BadRequestError) and code in BY_CODE:
        return BY_CODE[code]
    if status == _TOO_LARGE_STATUS:
        return ModelTooLarge
    if isinstance(error, openai.APIConnectionError) and type(error.__cause__).__name__ in _NEVER_CONNECTED:
        return ModelUnavailable
    return next(ours for theirs, ours in TRANSLATIONS.items() if isinstance(error, theirs))


@contextlib.contextmanager
def translated(*, forgotten: str = "") -> Iterator[None]:
    """Errors of the SDK leave this block as ours; our own deadline is ambiguous.

    `forgotten` are the words for something that is asked about by its id and is not known any more.
    """
    try:
        yield
    except TimeoutError as cause:
        raise Ambiguous(_WORDS[Ambiguous]) from cause
    except openai.OpenAIError as cause:
        if forgotten and isinstance(cause, openai.NotFoundError):
            raise ModelForgotten(forgotten) from cause
        raise translate(cause) from cause
