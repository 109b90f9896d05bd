"""The table of outcomes: complete for every status, every error of the HTTP library, and errors within a 200."""

import inspect
import json
import ssl
from typing import Any

import httpx
import pytest

from durable_research.adapters.models.http.error_bodies import complaint_in, complaint_of, shown
from durable_research.adapters.models.http.outcomes import (
    CONNECTION_ERRORS,
    CallContext,
    of_answer,
    of_complaint,
    of_lost,
    refused_fields,
)
from durable_research.domain.errors import Ambiguous, StillRunning
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

PAID = CallContext(
    api_key="the-configured-key", optional_fields=frozenset({"stream_options", "store", "conversation", "metadata"})
)
FREE = CallContext(is_free=True)
BUSY = {408, 425, 429, 503, 529}
NAMED = {402: QuotaExhausted, 413: ModelTooLarge}


def outcome(status: int, body: Any, asked: CallContext = PAID, **headers: str) -> Exception:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return of_answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, data, asked)


@pytest.mark.parametrize(
    "body", [b"", b"<html><title>No</title>", {"error": {"message": "no"}}, {}, [], "no", None, b"\xff\xfe{"]
)
def test_every_status_has_an_outcome_whatever_its_body(body: Any) -> None:
    for status in range(300, 600):
        paid, free = outcome(status, body), outcome(status, body, FREE)

        assert (type(paid), type(free)) == row(status)
        assert f"HTTP {status}" in str(paid)


def row(status: int) -> tuple[type[Exception], type[Exception]]:
    if status in BUSY:
        return ModelBusy, ModelUnavailable
    if status >= 500 and status != 501:
        return ProviderFailed, ModelUnavailable
    refused = NAMED.get(status, ModelRefused)
    return refused, refused


def test_only_what_may_have_been_accepted_is_ambiguous() -> None:
    ambiguous = [status for status in range(300, 600) if isinstance(outcome(status, {}), Ambiguous)]

    assert ambiguous == [status for status in range(500, 600) if status not in {501, 503, 529}]


# Every error that the HTTP library may raise, with its outcome before and after the request began to be written.
AWAY, REFUSED, AMBIGUOUS = ModelUnavailable, ModelRefused, Ambiguous
OF_THE_LIBRARY: dict[str, tuple[type[Exception], type[Exception]]] = {
    **dict.fromkeys(["ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError"], (AWAY, AWAY)),
    **dict.fromkeys(["InvalidURL", "UnsupportedProtocol", "LocalProtocolError"], (REFUSED, REFUSED)),
    **dict.fromkeys(
        ["HTTPError", "RequestError", "TransportError", "TimeoutException", "NetworkError"], (AWAY, AMBIGUOUS)
    ),
    **dict.fromkeys(["ReadError", "ReadTimeout", "WriteError", "WriteTimeout", "CloseError"], (AWAY, AMBIGUOUS)),
    **dict.fromkeys(["ProtocolError", "RemoteProtocolError", "DecodingError", "TooManyRedirects"], (AWAY, AMBIGUOUS)),
    **dict.fromkeys(
        ["StreamError", "StreamClosed", "StreamConsumed", "RequestNotRead", "ResponseNotRead"], (AWAY, AMBIGUOUS)
    ),
    **dict.fromkeys(["HTTPStatusError"], (AWAY, AMBIGUOUS)),
}
# Not of a request: raised where several cookies of one name are read.
NEVER_MET = {"CookieConflict"}


def library_errors() -> dict[str, type[Exception]]:
    return {
        name: one
        for name, one in vars(httpx).items()
        if inspect.isclass(one) and issubclass(one, Exception) and name not in NEVER_MET
    }


def test_every_error_of_the_http_library_has_a_row_and_is_caught() -> None:
    assert set(library_errors()) == set(OF_THE_LIBRARY)
    assert all(issubclass(one, CONNECTION_ERRORS) for one in library_errors().values())


@pytest.mark.parametrize("name", sorted(OF_THE_LIBRARY))
def test_a_connection_errors_outcome_depends_on_whether_the_request_was_written(name: str) -> None:
    error = library_errors()[name].__new__(library_errors()[name])
    before, after = (of_lost(error, PAID, is_written=is_written) for is_written in (False, True))

    assert (type(before), type(after)) == OF_THE_LIBRARY[name]
    assert not isinstance(of_lost(error, FREE, is_written=True), Ambiguous)
    assert name in str(after)


@pytest.mark.parametrize(
    "error", [OSError("broken"), ssl.SSLError("bad record"), ConnectionResetError(), BrokenPipeError()]
)
def test_an_operating_system_errors_outcome_depends_on_whether_the_request_was_written(error: OSError) -> None:
    assert type(of_lost(error, PAID, is_written=False)) is ModelUnavailable
    assert type(of_lost(error, PAID, is_written=True)) is Ambiguous


def test_an_invalid_certificate_is_final_and_other_tls_failures_are_transient() -> None:
    bad, broken = httpx.ConnectError("x"), httpx.ConnectError("x")
    bad.__cause__ = OSError()
    bad.__cause__.__cause__ = ssl.SSLCertVerificationError("self-signed")
    broken.__cause__ = ssl.SSLError("wrong version number")

    refused = of_lost(bad, PAID, is_written=False)
    assert type(refused) is ModelRefused
    assert "OPENAI_BASE_URL" in str(refused)
    assert type(of_lost(broken, PAID, is_written=False)) is ModelUnavailable


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        # A full context, by everybody's name for it.
        (
            400,
            {"error": {"code": 400, "type": "exceed_context_size_error", "message": "request exceeds"}},
            ModelTooLarge,
        ),
        (400, {"error": {"code": "context_length_exceeded"}}, ModelTooLarge),
        (400, {"error": {"code": "string_above_max_length", "param": "input[0].content"}}, ModelTooLarge),
        (400, {"type": "error", "error": {"type": "request_too_large"}}, ModelTooLarge),
        (400, {"error": {"code": "400", "message": "litellm.ContextWindowExceededError: no"}}, ModelTooLarge),
        (400, {"error": {"message": "This model's maximum context length is 8192 tokens."}}, ModelTooLarge),
        (400, {"object": "error", "message": "the prompt is too long: 9 > 8", "code": 40303}, ModelTooLarge),
        (500, {"error": {"code": 500, "message": "input (1002 tokens) is too large to process"}}, ModelTooLarge),
        (
            429,
            {"error": {"code": "rate_limit_exceeded", "message": "Request too large for m on tokens per min"}},
            ModelTooLarge,
        ),
        (429, {"message": "Too many tokens, please wait before trying again."}, ModelBusy),
        # Content filters.
        (400, {"error": {"code": "content_filter"}}, ModelDeclined),
        (400, {"error": {"code": "400", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}, ModelDeclined),
        (400, {"error": {"code": "400", "message": "Exception: content_filter_policy"}}, ModelDeclined),
        (400, {"error": {"code": "data_inspection_failed"}}, ModelDeclined),
        (400, {"error": {"code": "invalid_prompt", "type": "invalid_request_error"}}, ModelDeclined),
        (400, {"error": {"code": "content_policy_violation"}}, ModelDeclined),
        # Money.
        (429, {"error": {"type": "insufficient_quota", "code": "insufficient_quota"}}, QuotaExhausted),
        (403, {"error": {"code": "insufficient_quota"}}, QuotaExhausted),
        (403, {"error": {"message": "Insufficient balance"}}, QuotaExhausted),
        (402, {"error": {"type": "unknown_error", "code": "invalid_request_error"}}, QuotaExhausted),
        (429, {"error": {"message": "Your account has insufficient credits"}}, QuotaExhausted),
        (429, {"error": {"message": "You exceeded your current quota. Please retry in 34 s."}}, ModelBusy),
        (400, {"error": {"code": "billing_hard_limit_reached", "type": "invalid_request_error"}}, QuotaExhausted),
        (429, {"error": {"code": "billing_not_active", "type": "billing_not_active"}}, QuotaExhausted),
        (403, {"error": {"type": "exceeded_current_quota_error"}}, QuotaExhausted),
        (403, {"code": "INSUFFICIENT_BALANCE"}, QuotaExhausted),
        (403, {"error": {"code": "insufficient_user_quota", "message": "no quota is left"}}, QuotaExhausted),
        (400, {"type": "error", "error": {"type": "billing_error"}}, QuotaExhausted),
        (403, {"error": {"message": "not allowed"}}, ModelRefused),
        # Loading.
        (503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, ModelBusy),
        (400, {"error": "Model tiny is currently loading", "estimated_time": 20}, ModelBusy),
        (500, {"error": {"message": "the model is still being loaded"}}, ModelBusy),
        (500, {"error": {"message": "failed to load model"}}, ProviderFailed),
        (400, {"error": {"message": "error loading model: no such file"}}, ModelRefused),
        # Busy, by name.
        (400, {"error": {"type": "overloaded_error"}}, ModelBusy),
        (400, {"error": {"type": "rate_limit_error"}}, ModelBusy),
        (400, {"error": {"code": "rate_limit_exceeded"}}, ModelBusy),
        (400, [{"error": {"status": "RESOURCE_EXHAUSTED"}}], ModelBusy),
        (400, {"code": "too_many_requests"}, ModelBusy),
        # A call that runs.
        (409, {"error": {"code": "conversation_locked"}}, StillRunning),
        (400, {"error": {"code": "conversation_locked", "param": "conversation"}}, StillRunning),
        (409, {"error": {"code": "another"}}, ModelRefused),
    ],
)
def test_an_error_body_is_classified_by_its_code_type_and_text(
    status: int, body: Any, expected: type[Exception]
) -> None:
    assert type(outcome(status, body)) is expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"error": "no such endpoint"}, ModelRefused),
        ({"detail": "Not Found"}, ModelRefused),
        ({"error": {"code": 429}}, ModelBusy),
        ({"error": {"code": "503"}}, ModelBusy),
        ({"error": {"type": "overloaded_error"}}, ModelBusy),
        ({"error": {"code": 402}}, QuotaExhausted),
        ({"error": {"code": 502, "message": "upstream"}}, ProviderFailed),
        ({"error": {"code": "context_length_exceeded"}}, ModelTooLarge),
        ({"error": {"code": 1113}}, ModelRefused),
    ],
)
def test_an_error_body_in_a_200_is_classified_by_its_own_status_or_refused(
    body: Any, expected: type[Exception]
) -> None:
    assert type(of_complaint(200, complaint_of(body), PAID)) is expected


@pytest.mark.parametrize(
    ("status", "body", "setting"),
    [
        (401, {"error": "no"}, "OPENAI_API_KEY"),
        (403, {"error": "no"}, "OPENAI_API_KEY"),
        (402, {"error": "no"}, "the account behind OPENAI_API_KEY"),
        (307, {}, "OPENAI_BASE_URL"),
        (404, {}, "OPENAI_BASE_URL"),
        (404, {}, "set OPENAI_API=chat if the server speaks plain chat completions and nothing else"),
        (501, {}, "OPENAI_MODEL"),
        (404, {"error": {"code": "model_not_found"}}, "set OPENAI_MODEL"),
        (404, {"error": {"code": "DeploymentNotFound"}}, "set OPENAI_MODEL"),
        (404, {"error": {"code": "unknown_model"}}, "set OPENAI_MODEL"),
        (400, {"object": "error", "type": "invalid_model", "code": "1500"}, "set OPENAI_MODEL"),
        (400, {"error": {"message": "The model `x` does not exist"}}, "set OPENAI_MODEL"),
        (413, {}, "OPENAI_MODEL"),
    ],
)
def test_a_refusal_names_the_setting_to_change(status: int, body: Any, setting: str) -> None:
    assert setting in str(outcome(status, body))


def test_an_error_shows_the_providers_message_and_its_retry_after() -> None:
    assert str(outcome(402, {"error": {"message": "the balance\nis used up"}})) == (
        'the account\'s money or quota is used up (HTTP 402: "the balance is used up"); '
        "check the account behind OPENAI_API_KEY"
    )
    busy = outcome(429, {}, retry_after="7200")
    assert isinstance(busy, ModelBusy)
    assert busy.retry_after_seconds == 7200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html><head><title>502 Bad\nGateway</title></head><body>nginx", "502 Bad Gateway"),
        (b"<h1>Gone</h1><script>x()</script><p>away", "Gone away"),
        (b"plain words", "plain words"),
        (b'\xef\xbb\xbf{"message": "hi"}', "hi"),
        (b'data: {"error": {"message": "in a stream"}}\n\n', "in a stream"),
        (b'{"detail": [{"loc": ["body", "x"], "msg": "field required"}]}', "field required"),
        (b'{"errors": [{"reason": "why", "message": "several"}]}', "several"),
        (b"", ""),
    ],
)
def test_the_error_message_is_found_in_every_known_body_format(body: bytes, words: str) -> None:
    assert shown(complaint_in(body).message, "") == words


@pytest.mark.parametrize(
    ("provider_text", "expected"),
    [
        ("Incorrect API key provided: sk-abcd1234****wxyz. See", "Incorrect API key provided: … See"),
        ("key the-configured-key is unknown", "key … is unknown"),
        ("authorization: Bearer abc.def", "authorization: …"),
        ("token eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9-x", "token …"),
        ("id 0123456789abcdef0123456789abcdef", "id …"),
        ("one\x00two\x1b[31m\u202ethree", "one two [31m three"),
        ("no model Qwen2.5-Coder-32B-Instruct-GPTQ-Int4", "no model Qwen2.5-Coder-32B-Instruct-GPTQ-Int4"),
        ("meta-llama/Llama-3.1-70B-Instruct-Turbo", "meta-llama/Llama-3.1-70B-Instruct-Turbo"),
        ("Donaudampfschifffahrtsgesellschaft", "Donaudampfschifffahrtsgesellschaft"),
        ("half \ud83c", "half \ufffd"),
    ],
)
def test_api_keys_and_control_characters_are_removed_from_error_messages(provider_text: str, expected: str) -> None:
    assert shown(provider_text, "the-configured-key") == expected


def test_a_shown_error_message_has_at_most_300_characters() -> None:
    assert len(shown("word " * 200, "")) == 300


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"error": {"message": "Unknown parameter", "param": "store"}}, {"store"}),
        ({"detail": [{"loc": ["body", "stream_options"], "msg": "extra fields not permitted"}]}, {"stream_options"}),
        ({"error": {"message": "stream_options is not allowed"}}, {"stream_options"}),
        ({"error": {"message": "Unrecognized request argument supplied: store"}}, {"store"}),
        ({"error": {"message": "'metadata' and \"store\" are unknown"}}, {"metadata", "store"}),
        ({"error": {"message": "metadata is not supported"}}, {"metadata"}),
        ({"error": {"message": "the store is closed; the conversation went on"}}, set()),
        ({"error": {"message": "Invalid input", "param": "messages"}}, set()),
        ({"error": {"message": "unknown field dimensions", "param": "dimensions"}}, set()),
    ],
)
def test_a_refused_request_field_is_recognised_in_the_error_body(body: Any, fields: set[str]) -> None:
    assert refused_fields(complaint_of(body), PAID.optional_fields) == fields
    expected = FieldRefused if fields else ModelRefused
    assert {type(outcome(status, body)) for status in (400, 422)} == {expected}
    assert type(outcome(404, body)) is ModelRefused


def test_a_missing_conversation_is_forgotten_and_not_a_refused_field() -> None:
    body = {"error": {"message": "Conversation with id 'conv_1' not found.", "param": "conversation"}}

    assert type(outcome(404, body, CallContext(has_handle=True))) is ModelForgotten
    assert type(outcome(404, body)) is ModelRefused


@pytest.mark.parametrize(
    "message",
    [
        "Invalid value: {'messages': [{'role': 'user', 'content': 'PROMPT'}]} cannot be read",
        "prompt rejected: PROMPT",
        'your words "PROMPT" are not allowed',
    ],
)
def test_the_prompt_is_removed_from_error_messages(message: str) -> None:
    """Errors are written to histories and shown in lists."""
    prompt = "What do my neighbours in Harbour Street 12 owe me?"
    body = json.dumps({"error": {"message": message.replace("PROMPT", prompt)}}).encode()

    words = str(of_answer(400, {}, body, CallContext(sent=f"Write a report.\n{prompt}")))

    assert "Harbour Street" not in words
    assert "…" in words


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "message",
    ["x" * 60_000, "潮汐能發電" * 12_000, "=" * 60_000, "-" * 60_000, "*" * 60_000, "sk-" * 20_000, "<script " * 8_000],
    ids=["letters", "chinese", "equals", "dashes", "stars", "keys", "tags"],
)
def test_a_long_error_body_is_parsed_in_bounded_time(message: str) -> None:
    """Seen once: a pattern that backtracked over one long word delayed a worker's heartbeats for minutes."""
    for body in (json.dumps({"error": {"message": message}}).encode(), message.encode()):
        assert type(of_answer(400, {}, body, CallContext(sent=message))) is ModelRefused


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (503, {"error": {"code": "model_not_found", "message": "No available channel for model odd"}}, ModelRefused),
        (429, {"error": {"message": "Your account balance is insufficient, please recharge"}}, QuotaExhausted),
        (429, {"error": {"code": "Arrearage", "message": "Access denied"}}, QuotaExhausted),
    ],
)
def test_a_permanent_error_with_a_transient_status_is_final(status: int, body: Any, error: type[Exception]) -> None:
    assert type(of_answer(status, {}, json.dumps(body).encode(), CallContext())) is error
