"""The outcome of a call: one table for every status, every error of the connection, and errors within a 200.

A refusal is a permanent failure and names the setting to correct; a busy or unreachable server accepted nothing, so the call
is retried; a call that may have been accepted is `Ambiguous`, and so polled or counted.

Source: the HTTP library's exceptions, httpx 0.28.1, and for each name the comment beside it, all read 2026-11-28:
`owner/name#number` is an issue or pull request on GitHub that quotes the body; Anthropic's names stand in its SDK for Python,
`types/shared/error_type.py`.
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from durable_research.adapters.models.http.error_bodies import Complaint, complaint_in, shown
from durable_research.domain.errors import Ambiguous, StepFailed, StillRunning
from durable_research.domain.ledger.retry_after import retry_after_seconds
from durable_research.domain.model_errors import (
    FieldRefused,
    ModelBusy,
    ModelDeclined,
    ModelForgotten,
    ModelRefused,
    ModelTooLarge,
    ModelUnavailable,
    ProviderFailed,
    QuotaExhausted,
)

BUSY = frozenset({408, 425, 429, 503, 529})
_LOCKED = "conversation_locked"  # OpenAI, with HTTP 400: paulgmiller/careme#379

# All errors of the HTTP library. An `OSError` comes through it where a TLS connection breaks in the middle.
CONNECTION_ERRORS = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError)
# Errors with a meaning of their own; all others are classified by whether the writing of the request had begun.
_NEVER_WRITTEN = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_CANNOT_BE_WRITTEN = (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError)

_BUSY_NAMES = frozenset(
    {
        "rate_limit_exceeded",  # OpenAI: DrShushen/climb#13
        "rate_limit_error",  # Anthropic
        "overloaded_error",  # Anthropic
        "resource_exhausted",  # Google: n4ze3m/page-assist#406
        "too_many_requests",  # HTTP's words for 429; as a name not verified, but without it a retry becomes a permanent failure
    }
)
# llama.cpp: canonical/inference-snaps#234; Hugging Face: huggingface/transformers#23793.
_LOADING = re.compile(r"\bmodel\b.{0,80}\b(loading|being loaded|warming up)\b|\bloading\b.{0,20}\bmodel\b", re.I | re.S)
_NOT_LOADING = re.compile(
    r"\b(fail\w*( to| in| while)?|errors?( in| while)?|could not|cannot|unable to) (be )?load"
    r"|\bload\w*( of)?( the)?( model)?( has| was)? fail",
    re.I,
)

_TOO_LARGE_NAMES = frozenset(
    {
        "context_length_exceeded",  # OpenAI: mckaywrigley/chatbot-ui#102
        "string_above_max_length",  # OpenAI: VectorlyApp/bluebox#31
        "exceed_context_size_error",  # llama.cpp, `tools/server/server-common.cpp`
        "request_too_large",  # Anthropic, the page "Errors"
    }
)
# Anthropic: boldsoftware/exe.dev#62; Bedrock: aws-samples/bedrock-chat#95; llama.cpp, seen; LiteLLM, in the file named below.
_TOO_LARGE_WORDS = re.compile(
    r"context ?window ?exceeded|(maximum|available|model'?s) context (length|size|window)|context (length|size|window) exceeded"
    r"|exceeds? .{0,40}context|(prompt|input|request)( is|s are)? too (long|large)|\btoo large to process|input is too long",
    re.I,
)
# OpenAI's 429 for a request above the minute's allowance: DrShushen/climb#13.
_TOO_LARGE_FOR_A_MINUTE = re.compile(r"request too large", re.I)

_DECLINED_NAMES = frozenset(
    {
        "content_filter",  # Azure: learn.microsoft.com, question 5896505
        "responsibleaipolicyviolation",  # Azure, innererror: BerriAI/litellm, `exception_mapping_utils.py`
        "content_policy_violation",  # OpenAI: the same file
        "invalid_prompt",  # OpenAI: microsoft/PyRIT#1463
        "data_inspection_failed",  # DashScope: camel-ai/owl#432
        "bio_policy",  # OpenAI's SDK for Python 3.54, `ResponseError.code`, as the next two
        "misalignment_policy_violation",
        "data_residency_mismatch",
    }
)
_DECLINED_WORDS = re.compile(r"content[ _]?(filter|policy|management policy)|responsible ?ai ?policy", re.I)

_QUOTA_NAMES = frozenset(
    {
        "arrearage",  # DashScope, not verified
        "insufficient_quota",  # OpenAI: simonw/llm#494
        "billing_hard_limit_reached",  # OpenAI: dfinke/PowerShellAI#127
        "billing_not_active",  # OpenAI: BerriAI/litellm#2743
        "exceeded_current_quota_error",  # Moonshot: MoonshotAI/kimi-code#1857
        "insufficient_balance",  # a reseller: hanzoai/ai, an earlier `filter_balance.go`
        "insufficient_user_quota",  # a gateway: songquanpeng/one-api, `relay/controller/helper.go`
        "billing_error",  # Anthropic
    }
)
# Google's 429 calls a rate a quota: n4ze3m/page-assist#406.
_FOR_A_WHILE = re.compile(r"(re)?try (again )?in\b|per[- ](second|minute|hour|day)", re.I)
# OpenAI: simonw/llm#494; Anthropic: anthropics/claude-quickstarts#229; DeepSeek: Aider-AI/aider#4851.
_QUOTA_WORDS = re.compile(
    r"insufficient.{0,12}(quota|balance|credit|fund)|out of (credit|quota)|credit balance is too low"
    r"|exceeded your current quota"
    r"|(quota|balance|credits?) (is|are|has been|have been) (used up|exhausted|depleted|insufficient)",
    re.I,
)

_NO_MODEL_NAMES = frozenset(
    {
        "model_not_found",  # OpenAI: Aider-AI/aider#2030
        "deploymentnotfound",  # Azure: chatboxai/chatbox#646
        "unknown_model",  # GitHub Models: github/gh-models#65
        "invalid_model",  # Mistral: tmc/langchaingo#1233
    }
)
_NO_MODEL_WORDS = re.compile(
    r"\b(model|deployment)\b.{0,80}(not found|(does|do) not exist|not exist|unknown|not available|not supported|no longer)"
    r"|(no such|unknown|invalid|unsupported) (model|deployment)",
    re.I | re.S,
)

ErrorClass = type[StepFailed] | type[StillRunning]


@dataclass(frozen=True)
class CallContext:
    """The request: the names for a refusal's message, and whether a repeat costs nothing."""

    is_free: bool = False
    model_setting: str = "OPENAI_MODEL"
    key_setting: str = "OPENAI_API_KEY"
    url_setting: str = "OPENAI_BASE_URL"
    api_setting: str = "OPENAI_API"
    # The other remedy where nothing is at the address.
    otherwise: str = ", and set OPENAI_API=chat if the server speaks plain chat completions and nothing else"
    api_key: str = ""
    # The request's text, which error messages must not quote.
    sent: str = ""
    # The request uses a conversation, which may be gone.
    has_handle: bool = False
    # The optional fields of the request.
    optional_fields: frozenset[str] = frozenset()


def of_answer(status: int, headers: Mapping[str, str], body: bytes, context: CallContext) -> StepFailed | StillRunning:
    """Classify an answer that is no 2xx."""
    return of_complaint(status, complaint_in(body), context, retry_after_seconds(headers, datetime.now(UTC)))


def of_complaint(
    status: int, complaint: Complaint, context: CallContext, retry_after: float | None = None
) -> StepFailed | StillRunning:
    """Classify an error; within a 2xx it has the status that its body gives, and is a refusal if that gives none."""
    if status < 300:
        status = complaint.status or 200
    error_class = _class_of(status, complaint, context, retry_after)
    if error_class is StillRunning:
        return StillRunning("an earlier call still runs on this conversation")
    if context.is_free and error_class in {ModelBusy, ProviderFailed}:
        error_class = ModelUnavailable
    message = shown(complaint.message or ", ".join(sorted(complaint.names)), context.api_key, context.sent)
    detail = f'HTTP {status}: "{message}"' if message else f"HTTP {status}"
    hint = _hint(error_class, status, complaint, context)
    return error_class(f"{_LEADS[error_class]} ({detail}){hint and '; '}{hint}", retry_after)


def of_prose(context: CallContext) -> StepFailed:
    """Classify a 200 whose body is a page or prose, and no answer of a model."""
    if context.is_free:
        return ModelUnavailable("the provider answers with a page where data was asked for")
    return ModelRefused(
        "the provider answers with a page where an answer was asked for (HTTP 200); "
        f"check {context.url_setting} and {context.api_setting}"
    )


def of_lost(error: Exception, context: CallContext, *, is_written: bool) -> StepFailed:
    """Classify an error of the connection, by whether the writing of the request had begun."""
    name = type(error).__name__
    if _has_bad_certificate(error):
        return ModelRefused(
            f"the provider's certificate does not verify; check {context.url_setting}, or trust its issuer"
        )
    if isinstance(error, _CANNOT_BE_WRITTEN):
        return ModelRefused(f"no request can be made ({name}); check {context.url_setting} and {context.key_setting}")
    if not is_written or isinstance(error, _NEVER_WRITTEN):
        return ModelUnavailable(f"the provider cannot be reached ({name}); nothing was sent")
    if context.is_free:
        return ModelUnavailable(f"the provider could not be asked ({name})")
    return Ambiguous(f"the connection was lost ({name}), and no word came whether the call was accepted")


def is_refusal(complaint: Complaint) -> bool:
    """Whether a call that was accepted and then failed would fail the same way again."""
    return bool(complaint.names & (_DECLINED_NAMES | _QUOTA_NAMES | _TOO_LARGE_NAMES))


def refused_fields(complaint: Complaint, optional: frozenset[str]) -> frozenset[str]:
    """List the optional fields that a 400 or 422 names."""
    return frozenset(name for name in optional if name in complaint.fields or _names_field(complaint.message, name))


def _names_field(message: str, name: str) -> bool:
    quoted = rf"[\"'`“.\[(]{name}[\"'`”:.\])]"
    if "_" in name:
        return re.search(rf"\b{name}\b", message) is not None
    # A plain word may occur in any sentence, so it must be quoted or called a field.
    called = (
        rf"\b(parameter|argument|field|property|option|key)s?(\W+(supplied|named|called|given|provided))?\W+{name}\b"
    )
    denied = rf"\b{name}\b( is| are)?( currently)? (not |un)(supported|allowed|permitted|known|recognized|expected)"
    return re.search(f"{quoted}|{called}|{denied}", message, re.I) is not None


def _class_of(status: int, complaint: Complaint, context: CallContext, retry_after: float | None) -> ErrorClass:
    words, names = complaint.message, complaint.names
    if by_name := _class_by_name(status, names):
        return by_name
    if status in BUSY or names & _BUSY_NAMES or (_LOADING.search(words) and not _NOT_LOADING.search(words)):
        return _busy_or_final(status, words, retry_after)
    if status == 413 or names & _TOO_LARGE_NAMES or _TOO_LARGE_WORDS.search(words):
        return ModelTooLarge
    if status >= 500 and status != 501:
        return ProviderFailed
    if status == 402 or _QUOTA_WORDS.search(words):
        return QuotaExhausted
    if names & _DECLINED_NAMES or _DECLINED_WORDS.search(words):
        return ModelDeclined
    if status == 404 and context.has_handle and "conversation" in f"{words} {complaint.fields}".lower():
        return ModelForgotten
    if status in {400, 422} and not context.is_free and refused_fields(complaint, context.optional_fields):
        return FieldRefused
    return ModelRefused


def _class_by_name(status: int, names: frozenset[str]) -> ErrorClass | None:
    """Classify by names that mean the same with any status."""
    if _LOCKED in names:
        return StillRunning
    if names & _QUOTA_NAMES and status < 500:
        return QuotaExhausted
    return ModelRefused if names & _NO_MODEL_NAMES else None  # new-api answers 503


def _busy_or_final(status: int, words: str, retry_after: float | None) -> type[StepFailed]:
    if status != 429:
        return ModelBusy
    if _TOO_LARGE_FOR_A_MINUTE.search(words):
        return ModelTooLarge
    is_for_a_while = retry_after is not None or _FOR_A_WHILE.search(words)
    return QuotaExhausted if _QUOTA_WORDS.search(words) and not is_for_a_while else ModelBusy


_LEADS: dict[ErrorClass, str] = {
    ModelBusy: "the provider is busy",
    ModelUnavailable: "the provider could not be asked",
    ModelDeclined: "the provider's content filter turned the request away",
    ModelForgotten: "the provider no longer knows the conversation",
    ModelRefused: "the provider refuses the request",
    ModelTooLarge: "the request is longer than the model takes",
    QuotaExhausted: "the account's money or quota is used up",
    FieldRefused: "the server does not know a field of the request, which is left out from now on",
    ProviderFailed: "the provider failed and does not say whether it accepted the call",
}


def _hint(error_class: ErrorClass, status: int, complaint: Complaint, context: CallContext) -> str:
    """Name the setting to correct, where one may help."""
    if error_class is QuotaExhausted:
        return f"check the account behind {context.key_setting}"
    if error_class is ModelTooLarge:
        return f"ask for less, or set {context.model_setting} to a model that reads more"
    if error_class is not ModelRefused:
        return ""
    if complaint.names & _NO_MODEL_NAMES or _NO_MODEL_WORDS.search(complaint.message):
        return f"set {context.model_setting} to a model that the provider offers to this key"
    if status in {401, 403}:
        return f"check {context.key_setting}"
    if 300 <= status < 400:
        return f"redirects are not followed: set {context.url_setting} to the address that it leads to"
    if status == 200:
        return f"check {context.url_setting} and {context.api_setting}"
    if status in {404, 405, 501}:
        return f"check {context.url_setting} and {context.model_setting}{context.otherwise}"
    return f"check {context.model_setting} and {context.api_setting}"


def _has_bad_certificate(error: BaseException | None) -> bool:
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False
