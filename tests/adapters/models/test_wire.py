"""Calls over a real connection: how they end, the outcome of a failed send, and which answers of a provider count."""

import asyncio
import json
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from durable_research.adapters.models.openai_chat import OpenAIChat
from durable_research.adapters.models.openai_responses import OpenAIResponses
from durable_research.domain.errors import Ambiguous
from durable_research.domain.ledger.effects import ProviderClass
from durable_research.domain.model_errors import (
    AnswerBroken,
    FieldRefused,
    ModelBusy,
    ModelRefused,
    ModelUnavailable,
    ProviderFailed,
    ProviderSilent,
    QuotaExhausted,
)
from durable_research.ports.vendors.models import CallDeadlines, ModelAnswer, ModelCall
from tests.adapters.models.peer import Request, Scripted, Then, chunk, events, head, peer, whole

# Long enough to be met by nothing but a hang, where a test is not about them.
PATIENT = CallDeadlines(silence=60, first_byte=60, longest=60)
TEXT = "Tides turn."
ANSWER = [head() + events(chunk(TEXT), chunk(reason="stop"))]


def chat(url: str, deadlines: CallDeadlines = PATIENT, **more: Any) -> OpenAIChat:
    arguments = {"stored": False, "api_key": "the-key", "model": "m", "provider": "p", "is_demo": False, **more}
    return OpenAIChat(base_url=url, deadlines=deadlines, **arguments)


async def call_model(model: OpenAIChat | OpenAIResponses, shown: list[str] | None = None) -> ModelAnswer:
    call = model.prepare(ModelCall("Write.", "q", "m"), (shown if shown is not None else []).append)
    try:
        return await call.collect(await call.send("key", None))
    finally:
        await model.close()


async def answered(scripted: Scripted, deadlines: CallDeadlines = PATIENT, **more: Any) -> ModelAnswer:
    async with peer(scripted) as provider:
        return await call_model(chat(provider.url, deadlines, **more))


@pytest.mark.parametrize(
    "scripted",
    [
        ANSWER,
        whole({"id": "x", "choices": [{"message": {"content": TEXT}, "finish_reason": "stop"}]}),
        [head(kind="text/plain") + json.dumps({"id": "x", "choices": [{"message": {"content": TEXT}}]}).encode()],
        [head(kind="application/json") + events(chunk(TEXT), chunk(reason="stop"))],
        [head() + events(chunk(TEXT), chunk(reason="stop"), done=False)],
        [head() + b"data:\n\n: hello\n\n" + events(chunk(TEXT))],
        [head(content_length="9999") + events(chunk(TEXT, "stop"), done=False), Then.RESET],
        [head() + events(chunk(TEXT)), Then.HOLD],
        [head() + json.dumps(chunk(TEXT)).encode() + b"\n" + json.dumps(chunk(reason="stop")).encode()],
    ],
    ids=["stream", "whole", "whole as text", "stream as json", "no mark", "no reason", "reset", "held", "lines"],
)
@pytest.mark.parametrize("stored", [True, False])
async def test_an_answer_in_any_known_format_is_read(scripted: Scripted, stored: bool) -> None:
    assert (await answered(scripted, stored=stored)).text == TEXT


async def test_an_answer_sent_byte_by_byte_is_read() -> None:
    data = events(chunk("Tides 🌊 "), chunk("turn."), chunk(reason="stop"))

    assert (await answered([head(), *[data[at : at + 1] for at in range(len(data))]])).text == "Tides 🌊 turn."


@pytest.mark.parametrize(
    ("scripted", "error"),
    [
        ([Then.RESET], Ambiguous),
        ([], Ambiguous),
        ([b"HTTP/1.1 200 OK\r\ncontent-"], Ambiguous),
        ([b"nonsense\r\n\r\n"], Ambiguous),
        ([head()], Ambiguous),
        ([head(), Then.RESET], Ambiguous),
        ([head() + b": only a comment\n\n"], Ambiguous),
        ([head() + b'data: {"id": "x", "cho'], Ambiguous),
        ([head(kind="application/json") + b'{"id": "x", "cho'], Ambiguous),
        ([head(content_encoding="gzip") + b"not gzip"], Ambiguous),
        ([head() + events(chunk("half"), done=False)], Ambiguous),
        ([head(content_length="9999") + events(chunk("half"), done=False), Then.RESET], Ambiguous),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], Ambiguous),
        (whole({"status": "ok"}), Ambiguous),
        ([head() + events(chunk("half"), chunk(reason="error"))], AnswerBroken),
        ([head() + events(chunk("half"), {"error": {"message": "gone"}})], AnswerBroken),
        ([head() + events({"error": {"message": "no", "code": 429}})], ModelBusy),
        ([head() + b"event: error\ndata: the model is loading\n\n"], ModelBusy),
        ([head() + events({"error": {"message": "no such thing"}})], ModelRefused),
        (whole({"error": "no such endpoint"}), ModelRefused),
        ([head(kind="text/html") + b"<!doctype html><title>Welcome</title>"], ModelRefused),
        ([head() + b"<html>"], ModelRefused),
        ([head(kind="text/plain") + b"Ollama is running"], ModelRefused),
        ([head(302, location="https://elsewhere.example/v1")], ModelRefused),
        (whole({"error": {"message": "empty"}}, 402), QuotaExhausted),
        ([b"HTTP/1.1 402 X\r\ncontent-length: 500\r\n\r\n{", Then.RESET], QuotaExhausted),
        (whole({"error": {"message": "boom"}}, 500), ProviderFailed),
        (whole({}, 503), ModelBusy),
    ],
)
@pytest.mark.parametrize("stored", [True, False])
async def test_each_malformed_answer_raises_the_error_of_the_table(
    scripted: Scripted, error: type[Exception], stored: bool
) -> None:
    with pytest.raises(error) as raised:
        await answered(scripted, stored=stored)
    assert type(raised.value) is error


async def test_a_redirect_is_not_followed() -> None:
    async with peer([head(307, location="/v1/elsewhere")]) as provider:
        with pytest.raises(ModelRefused, match="OPENAI_BASE_URL"):
            await call_model(chat(provider.url))

    assert provider.request_lines == ["POST /v1/chat/completions"]


@pytest.mark.parametrize(
    ("url", "error", "words"),
    [
        ("http://127.0.0.1:9/v1", ModelUnavailable, "nothing was sent"),
        ("http://no-such-name.invalid/v1", ModelUnavailable, "nothing was sent"),
        ("gopher://127.0.0.1/v1", ModelRefused, "OPENAI_BASE_URL"),
        ("http://[::1/v1", ModelRefused, "OPENAI_BASE_URL"),
        ("not an address", ModelRefused, "OPENAI_BASE_URL"),
    ],
)
async def test_an_unusable_base_url_raises_an_error_before_anything_is_sent(
    url: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        await call_model(chat(url))


async def test_an_api_key_that_no_header_can_carry_is_refused_before_anything_is_sent() -> None:
    async with peer(ANSWER) as provider:
        with pytest.raises(ModelRefused, match="OPENAI_API_KEY"):
            await call_model(chat(provider.url, api_key="two\nlines"))

    assert provider.requests == []


async def test_a_plain_http_server_behind_an_https_address_is_unavailable() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        with pytest.raises(ModelUnavailable, match="nothing was sent"):
            await call_model(chat(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"))


async def test_a_self_signed_certificate_is_refused(tmp_path: Path) -> None:
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=self_signed(tmp_path)) as server:
        with pytest.raises(ModelRefused, match=r"certificate does not verify; check OPENAI_BASE_URL"):
            await call_model(chat(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"))


def self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), made, made + timedelta(days=1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    (folder / "pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pem")
    return context


async def test_a_query_in_the_base_url_is_kept() -> None:
    async with peer(ANSWER) as provider:
        await call_model(chat(provider.url + "/?api-version=1"))

    assert provider.request_lines == ["POST /v1/chat/completions?api-version=1"]


async def test_a_silent_stream_is_given_up_after_its_deadline() -> None:
    impatient = CallDeadlines(silence=0.05, first_byte=60, longest=60)

    with pytest.raises(ProviderSilent, match=r"no byte of an answer came for 0.05 s"):
        await answered([head() + events(chunk("half"), done=False), Then.HOLD], impatient)


async def test_silence_after_the_finish_reason_does_not_change_the_answer() -> None:
    impatient = CallDeadlines(silence=0.05, first_byte=60, longest=60)
    scripted: Scripted = [head() + events(chunk(TEXT, "stop"), done=False), Then.HOLD]

    assert (await answered(scripted, impatient)).text == TEXT


@pytest.mark.parametrize("scripted", [[Then.HOLD], [head(), Then.HOLD]], ids=["no head", "head alone"])
async def test_headers_do_not_count_as_the_first_byte_of_an_answer(scripted: Scripted) -> None:
    impatient = CallDeadlines(silence=60, first_byte=0.05, longest=60)

    with pytest.raises(ProviderSilent, match=r"no byte of an answer came for 0.05 s"):
        await answered(scripted, impatient)


async def test_a_call_that_is_never_silent_is_given_up_after_the_longest_time() -> None:
    impatient = CallDeadlines(silence=60, first_byte=60, longest=3)
    murmur = [b": still here\n\n"] * 3

    with pytest.raises(ProviderSilent, match=r"given up after 3 s"):
        await answered([head(), *murmur, Then.HOLD], impatient)


@pytest.mark.parametrize("sign", [b": hello\n\n", b"data:\n\n", b"\n"], ids=["comment", "empty event", "blank"])
async def test_any_byte_of_the_body_counts_as_the_first_byte(sign: bytes) -> None:
    impatient = CallDeadlines(silence=0.05, first_byte=60, longest=60)

    with pytest.raises(ProviderSilent, match=r"no byte of an answer came for 0.05 s"):
        await answered([head(), sign, Then.HOLD], impatient)


async def test_a_call_without_streaming_is_limited_only_by_the_longest_time() -> None:
    impatient = CallDeadlines(silence=0.01, first_byte=0.01, longest=3)

    with pytest.raises(ProviderSilent, match=r"given up after 3 s"):
        await answered([Then.HOLD], impatient, stored=True)


@pytest.mark.parametrize("scripted", [[Then.HOLD], [head() + events(chunk("half"), done=False), Then.HOLD]])
async def test_cancelling_a_call_closes_its_connection(scripted: Scripted) -> None:
    async with peer(scripted) as provider:
        model = chat(provider.url)
        calling = asyncio.create_task(call_model(model))
        async with asyncio.timeout(30):
            while not provider.requests:
                await asyncio.sleep(0.005)
            calling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await calling
            await provider.has_disconnected.wait()


async def test_cancelling_a_call_after_its_id_closes_its_connection() -> None:
    async with peer([head() + events(chunk("half"), done=False), Then.HOLD]) as provider:
        model = chat(provider.url)
        call = model.prepare(ModelCall("Write.", "q", "m"), lambda text: None)
        await call.cancel(await call.send("key", None))

        async with asyncio.timeout(30):
            await provider.has_disconnected.wait()
        await model.close()


def refusing(field: str, scripted: Sequence[Any] = ANSWER, status: int = 400) -> Any:
    def answer(request: Request) -> Scripted:
        refused = whole({"error": {"message": f"unknown parameter: '{field}'", "param": field}}, status)
        return refused if request.body and field in request.body else scripted

    return answer


@pytest.mark.parametrize("status", [400, 422])
async def test_a_refused_optional_field_is_left_out_of_the_next_send(status: int) -> None:
    async with peer(refusing("stream_options", status=status)) as provider:
        model = chat(provider.url)
        call = model.prepare(ModelCall("Write.", "q", "m"), lambda text: None)
        with pytest.raises(FieldRefused):
            await call.send("key", None)

        assert (await call_model(model)).text == TEXT
        assert ["stream_options" in one.body for one in provider.requests] == [True, False]


@pytest.mark.parametrize("field", ["model", "messages", "stream"])
async def test_a_required_field_is_never_left_out(field: str) -> None:
    async with peer(refusing(field)) as provider:
        with pytest.raises(ModelRefused):
            await call_model(chat(provider.url))


@pytest.mark.parametrize("field", ["store", "metadata"])
async def test_a_stored_completion_without_store_or_metadata_has_class_n(field: str) -> None:
    async with peer(refusing(field)) as provider:
        model = chat(provider.url, stored=True, settle_seconds=5)
        assert (model.provider_class, model.settle_seconds) == (ProviderClass.RETRIEVABLE, 5)
        with pytest.raises(FieldRefused):
            await model.prepare(ModelCall("Write.", "q", "m"), lambda text: None).send("key", None)

        assert (model.provider_class, model.settle_seconds) == (ProviderClass.NOTHING, 0)
        shown: list[str] = []
        assert (await call_model(model, shown)).text == TEXT
        assert provider.requests[-1].body["stream"] is True
