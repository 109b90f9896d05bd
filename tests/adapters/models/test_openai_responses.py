import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from durable_research import policies
from durable_research.adapters.models.openai_client import messages
from durable_research.adapters.models.openai_responses import OpenAIResponses, ResponseCall
from durable_research.domain.errors import Ambiguous, StillRunning
from durable_research.domain.model_errors import (
    EmptyOutput,
    GenerationFailed,
    ModelBusy,
    ModelDeclined,
    ModelForgotten,
    ModelRefused,
    ModelTooLarge,
    ModelUnavailable,
    ProviderFailed,
)
from durable_research.ports.vendors.models import ModelAnswer, ModelCall
from durable_research.ports.vendors.remote import EarlierSend
from tests.installation import Installation, until


@pytest.fixture
async def model(servers: Installation) -> AsyncIterator[OpenAIResponses]:
    model = OpenAIResponses(
        deadlines=policies.CALL_DEADLINES,
        base_url=f"{servers.up['simulator']}/v1",
        api_key="simulator",
        model="simulator-research",
        provider="simulator",
        is_demo=True,
    )
    yield model
    await model.close()


def fault(servers: Installation, match: str, **what: object) -> None:
    servers.simulator("faults", {"match": match, **what})


async def call_model(model: OpenAIResponses, prompt: str) -> ModelAnswer:
    call = model.prepare(ModelCall("Write.", prompt, model.model), lambda text: None)
    return await call.collect(await call.send("key of " + prompt, None))


async def found(call: ResponseCall, send: EarlierSend) -> str:
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(StillRunning):
                if reference := await call.find(send):
                    return reference
            await asyncio.sleep(0.05)


async def test_an_answer_is_complete_with_its_tokens(model: OpenAIResponses) -> None:
    answer = await call_model(model, "whole answer")

    assert "whole answer" in answer.text
    assert answer.usage.output_tokens > 100


async def test_the_text_is_streamed_to_the_draft(model: OpenAIResponses, servers: Installation) -> None:
    fault(servers, "growing answer", latency_seconds=0.5)
    shown: list[str] = []
    call = model.prepare(ModelCall("Write.", "growing answer", model.model), shown.append)

    answer = await call.collect(await call.send("key", None))

    assert shown[-1] == answer.text
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(shown))


async def test_an_accepted_call_is_resumed_by_its_id_and_not_billed_again(
    model: OpenAIResponses, servers: Installation
) -> None:
    first = model.prepare(ModelCall("Write.", "taken up", model.model), lambda text: None)
    reference = await first.send("key of taken up", None)

    answer = await model.prepare(ModelCall("Write.", "taken up", model.model), lambda text: None).collect(reference)

    assert "taken up" in answer.text
    lines = servers.billing_log("taken up")
    assert [(line["id"], line["key"]) for line in lines] == [(reference, "key of taken up")]


async def test_a_cancelled_call_stops_at_the_provider(model: OpenAIResponses, servers: Installation) -> None:
    fault(servers, "cancel me", latency_seconds=30)
    call = model.prepare(ModelCall("Write.", "cancel me", model.model), lambda text: None)
    reference = await call.send("key", None)

    await call.cancel(reference)

    body = httpx.get(f"{servers.up['simulator']}/v1/responses/{reference}").json()
    assert body["status"] == "cancelled"


async def test_a_429_raises_model_busy_with_the_providers_retry_after(
    model: OpenAIResponses, servers: Installation
) -> None:
    fault(servers, "too many", fault="429", retry_after=7)

    with pytest.raises(ModelBusy) as caught:
        await call_model(model, "too many")

    assert caught.value.retry_after_seconds == 7
    assert not servers.billing_log("too many")


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("500", ProviderFailed),
        ("503", ModelBusy),
        ("401", ModelRefused),
        ("empty", EmptyOutput),
        ("too_large", ModelTooLarge),
        ("content_filter", ModelDeclined),
        ("filtered", ModelDeclined),
        ("refused", ModelDeclined),
    ],
)
async def test_each_provider_fault_is_mapped_to_a_typed_error(
    model: OpenAIResponses, servers: Installation, kind: str, error: type[Exception]
) -> None:
    fault(servers, f"fault {kind} here", fault=kind)

    with pytest.raises(error):
        await call_model(model, f"fault {kind} here")


async def test_a_connection_cut_after_the_send_is_ambiguous_and_sent_once(
    model: OpenAIResponses, servers: Installation
) -> None:
    fault(servers, "cut the line", fault="cut")

    with pytest.raises(Ambiguous):
        await call_model(model, "cut the line")

    assert len(servers.billing_log("cut the line")) == 1


async def test_an_unknown_response_id_raises_model_forgotten(model: OpenAIResponses) -> None:
    call = model.prepare(ModelCall("Write.", "forgotten", model.model), lambda text: None)

    with pytest.raises(ModelForgotten):
        await call.collect("resp_unknown")


async def test_a_refused_connection_raises_model_unavailable() -> None:
    model = OpenAIResponses(
        deadlines=policies.CALL_DEADLINES,
        base_url="http://127.0.0.1:9/v1",
        api_key="k",
        model="m",
        provider="openai",
        is_demo=False,
    )

    with pytest.raises(ModelUnavailable):
        await call_model(model, "nobody there")


async def test_a_background_call_continues_at_the_provider_after_the_client_disconnects(
    model: OpenAIResponses, servers: Installation
) -> None:
    fault(servers, "goes on", latency_seconds=0.3)
    call = model.prepare(ModelCall("Write.", "goes on", model.model), lambda text: None)
    reference = await call.send("key", None)
    collecting = asyncio.create_task(call.collect(reference))
    collecting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await collecting

    url = f"{servers.up['simulator']}/v1/responses/{reference}"
    await asyncio.to_thread(until, "the answer", lambda: httpx.get(url).json()["status"] == "completed")


async def test_a_failed_generation_raises_generation_failed(model: OpenAIResponses, servers: Installation) -> None:
    fault(servers, "fails inside", fault="failed")

    with pytest.raises(GenerationFailed):
        await call_model(model, "fails inside")


async def test_a_refusal_by_the_model_raises_model_declined(model: OpenAIResponses, servers: Installation) -> None:
    fault(servers, "will not answer", fault="refused")

    with pytest.raises(ModelDeclined):
        await call_model(model, "will not answer")


def test_the_messages_of_a_continuation_hold_the_text_so_far() -> None:
    assert [one["role"] for one in messages(ModelCall("Write.", "q", "m"))] == ["user"]
    assert messages(ModelCall("Write.", "q", "m", so_far="half", continuation_prompt="go on")) == [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "half"},
        {"role": "user", "content": "go on"},
    ]


async def test_a_call_without_a_received_id_is_found_by_its_conversation(
    model: OpenAIResponses, servers: Installation
) -> None:
    call = model.prepare(ModelCall("Write.", "lost id", model.model), lambda text: None)
    handle = await call.handle("key of lost id")
    fault(servers, "lost id", fault="billed_500")
    with pytest.raises(Ambiguous):
        await call.send("key of lost id", handle)
    send = EarlierSend("key of lost id", handle, datetime.now(UTC))

    later = model.prepare(ModelCall("Write.", "lost id", model.model), lambda text: None)
    reference = await found(later, send)

    answer = await later.collect(reference)
    assert "lost id" in answer.text
    assert answer.usage.is_estimate
    assert len(servers.billing_log("lost id")) == 1
    assert await model.find_all(send) == [reference]


async def test_a_running_call_on_the_conversation_raises_still_running(
    model: OpenAIResponses, servers: Installation
) -> None:
    fault(servers, "still at it", latency_seconds=30)
    call = model.prepare(ModelCall("Write.", "still at it", model.model), lambda text: None)
    handle = await call.handle("key")
    reference = await call.send("key", handle)

    with pytest.raises(StillRunning):
        await call.find(EarlierSend("key", handle, datetime.now(UTC)))
    with pytest.raises(StillRunning):
        await model.prepare(ModelCall("Write.", "another", model.model), lambda text: None).send("key", handle)
    await call.cancel(reference)


async def test_nothing_is_found_on_a_conversation_without_an_answer(model: OpenAIResponses) -> None:
    call = model.prepare(ModelCall("Write.", "never sent", model.model), lambda text: None)
    handle = await call.handle("key")

    assert await call.find(EarlierSend("key", handle, datetime.now(UTC))) is None


async def test_a_server_without_conversations_has_no_handle(servers: Installation) -> None:
    model = OpenAIResponses(
        deadlines=policies.CALL_DEADLINES,
        base_url=f"{servers.up['simulator']}/nothing",
        api_key="k",
        model="m",
        provider="openai",
        is_demo=False,
    )

    assert await model.prepare(ModelCall("Write.", "q", "m"), lambda text: None).handle("key") is None
    await model.close()
