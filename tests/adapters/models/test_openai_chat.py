"""Chat completions against the simulator: stored ones that can be searched, and plain ones that are not stored."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from quart import Quart

from durable_research import policies
from durable_research.adapters.models.openai_chat import OpenAIChat
from durable_research.domain.errors import Ambiguous
from durable_research.domain.ledger.effects import ProviderClass
from durable_research.domain.model_errors import (
    AnswerLost,
    EmptyOutput,
    ModelBusy,
    ModelDeclined,
    ModelTooLarge,
    ModelUnavailable,
    ProviderFailed,
)
from durable_research.ports.vendors.models import ModelAnswer, ModelCall
from durable_research.ports.vendors.remote import EarlierSend
from tests.adapters.models.serving import serving
from tests.installation import Installation


def chat(servers: Installation, *, stored: bool) -> OpenAIChat:
    return OpenAIChat(
        deadlines=policies.CALL_DEADLINES,
        base_url=f"{servers.up['simulator']}/v1",
        api_key="simulator",
        model="simulator-research",
        provider="simulator",
        is_demo=True,
        stored=stored,
        settle_seconds=5,
    )


@pytest.fixture(params=[True, False], ids=["stored", "plain"])
async def model(request: pytest.FixtureRequest, servers: Installation) -> AsyncIterator[OpenAIChat]:
    model = chat(servers, stored=request.param)
    yield model
    await model.close()


@pytest.fixture
async def stored(servers: Installation) -> AsyncIterator[OpenAIChat]:
    model = chat(servers, stored=True)
    yield model
    await model.close()


@pytest.fixture
async def plain(servers: Installation) -> AsyncIterator[OpenAIChat]:
    model = chat(servers, stored=False)
    yield model
    await model.close()


CHUNK = {"object": "chat.completion.chunk", "created": 0}


def fault(servers: Installation, match: str, **what: object) -> None:
    servers.simulator("faults", {"match": match, **what})


async def call_model(model: OpenAIChat, prompt: str, **more: str) -> ModelAnswer:
    call = model.prepare(ModelCall("Write.", prompt, model.model, **more), lambda text: None)
    return await call.collect(await call.send("key of " + prompt, None))


async def test_an_answer_is_complete_with_tokens_and_billed_under_our_key(
    model: OpenAIChat, servers: Installation
) -> None:
    prompt = f"whole chat {model.provider_class}"

    answer = await call_model(model, prompt)

    assert prompt in answer.text
    assert answer.is_whole
    assert answer.usage.output_tokens > 100
    assert not answer.usage.is_estimate
    assert [line["key"] for line in servers.billing_log(prompt)] == [f"key of {prompt}"]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("429", ModelBusy),
        ("500", ProviderFailed),
        ("503", ModelBusy),
        ("empty", EmptyOutput),
        ("too_large", ModelTooLarge),
        ("content_filter", ModelDeclined),
        ("filtered", ModelDeclined),
        ("refused", ModelDeclined),
        ("cut", Ambiguous),
        ("cut_midway", Ambiguous),
    ],
)
async def test_each_provider_fault_is_mapped_to_a_typed_error(
    model: OpenAIChat, servers: Installation, kind: str, error: type[Exception]
) -> None:
    prompt = f"chat fault {kind} {model.provider_class}"
    fault(servers, prompt, fault=kind)

    with pytest.raises(error):
        await call_model(model, prompt)
    assert len(servers.billing_log(prompt)) <= 1


async def test_a_truncated_answer_and_its_continuation_make_the_whole_text(
    model: OpenAIChat, servers: Installation
) -> None:
    prompt = f"in two parts {model.provider_class}"
    whole = (await call_model(model, prompt)).text
    fault(servers, prompt, fault="truncated")

    first = await call_model(model, prompt)
    rest = await call_model(model, prompt, so_far=first.text, continuation_prompt="Go on.")

    assert (first.is_whole, rest.is_whole) == (False, True)
    assert first.text + rest.text == whole


async def test_a_refused_connection_raises_model_unavailable() -> None:
    model = OpenAIChat(
        deadlines=policies.CALL_DEADLINES,
        base_url="http://127.0.0.1:9/v1",
        api_key="k",
        model="m",
        provider="openai",
        is_demo=False,
        stored=True,
    )

    with pytest.raises(ModelUnavailable):
        await call_model(model, "nobody there")


async def test_a_stored_answer_lost_on_the_way_is_found_by_our_key(stored: OpenAIChat, servers: Installation) -> None:
    fault(servers, "lost chat", fault="billed_500")
    with pytest.raises(Ambiguous):
        await call_model(stored, "lost chat")
    send = EarlierSend("key of lost chat", None, datetime.now(UTC))

    later = stored.prepare(ModelCall("Write.", "lost chat", stored.model), lambda text: None)
    reference = await later.find(send)

    assert reference
    assert "lost chat" in (await later.collect(reference)).text
    assert await stored.find_all(send) == [reference]
    assert len(servers.billing_log("lost chat")) == 1


async def test_a_stored_answer_is_completed_after_the_client_disconnects(
    stored: OpenAIChat, servers: Installation
) -> None:
    fault(servers, "hung up", latency_seconds=0.5)
    call = stored.prepare(ModelCall("Write.", "hung up", stored.model), lambda text: None)
    sending = asyncio.create_task(call.send("key of hung up", None))
    async with asyncio.timeout(20):
        while not servers.billing_log("hung up"):
            await asyncio.sleep(0.01)
    sending.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sending

    send = EarlierSend("key of hung up", None, datetime.now(UTC))
    async with asyncio.timeout(20):
        while await call.find(send) is None:
            await asyncio.sleep(0.05)


async def test_a_key_that_was_never_sent_is_not_found(stored: OpenAIChat) -> None:
    call = stored.prepare(ModelCall("Write.", "never", stored.model), lambda text: None)

    assert await call.find(EarlierSend("never sent", None, datetime.now(UTC))) is None


async def test_a_plain_answer_is_streamed_and_readable_only_by_its_own_attempt(
    plain: OpenAIChat, servers: Installation
) -> None:
    fault(servers, "growing chat", latency_seconds=0.3)
    shown: list[str] = []
    call = plain.prepare(ModelCall("Write.", "growing chat", plain.model), shown.append)
    reference = await call.send("key", None)

    answer = await call.collect(reference)

    assert (shown[-1], len(shown) > 2) == (answer.text, True)
    with pytest.raises(AnswerLost):
        await plain.prepare(ModelCall("Write.", "growing chat", plain.model), lambda text: None).collect(reference)


def test_stored_and_plain_chat_have_their_provider_class(stored: OpenAIChat, plain: OpenAIChat) -> None:
    assert (stored.provider_class, stored.settle_seconds) == (ProviderClass.RETRIEVABLE, 5)
    assert plain.provider_class is ProviderClass.NOTHING


async def test_text_in_a_first_chunk_without_an_id_is_not_lost() -> None:
    chunks = [
        {"id": "", "choices": [{"index": 0, "delta": {"content": "Tides "}}], "model": "m"},
        {"id": "", "choices": [{"index": 0, "delta": {"content": "turn."}, "finish_reason": "stop"}], "model": "m"},
    ]
    body = "".join(f"data: {json.dumps(chunk | CHUNK)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    server = Quart("a compatible server")

    @server.post("/v1/chat/completions")
    async def answer() -> tuple[str, int, dict[str, str]]:
        return body, 200, {"content-type": "text/event-stream"}

    async with serving(server) as url:
        model = OpenAIChat(
            deadlines=policies.CALL_DEADLINES,
            base_url=f"{url}/v1",
            api_key="k",
            model="m",
            provider="p",
            is_demo=False,
            stored=False,
        )
        first, second = [model.prepare(ModelCall("Write.", "q", "m"), lambda text: None) for _ in range(2)]
        references = [await first.send("key", None), await second.send("key", None)]

        assert (await first.collect(references[0])).text == "Tides turn."
        assert references[0] != references[1]
        await second.collect(references[1])
        await model.close()
