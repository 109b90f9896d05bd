"""Every fault does what its name says, at its place and as often as configured."""

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import openai as sdk
import pytest
from openai import AsyncOpenAI
from openai.types.responses import Response, ResponseStreamEvent

from durable_research.simulator.text.writer import compose
from tests.simulator.outside import MODEL, Simulator, eventually


async def create_response(openai: AsyncOpenAI, topic: str) -> Response:
    return await openai.responses.create(model=MODEL, input=topic)


async def outcome(openai: AsyncOpenAI, topic: str) -> str:
    try:
        return str((await create_response(openai, topic)).status)
    except sdk.APIStatusError as refusal:
        return str(refusal.status_code)


@pytest.mark.parametrize(("fault", "status"), [("429", 429), ("500", 500), ("503", 503), ("401", 401)])
async def test_each_fault_answers_with_its_status(
    simulator: Simulator, openai: AsyncOpenAI, topic: str, fault: str, status: int
) -> None:
    simulator.fault(topic, fault=fault)

    with pytest.raises(sdk.APIStatusError) as refusal:
        await create_response(openai, topic)

    assert refusal.value.status_code == status


@pytest.mark.parametrize("fault", ["429", "500", "503", "401"])
async def test_a_refused_call_is_not_billed(simulator: Simulator, openai: AsyncOpenAI, topic: str, fault: str) -> None:
    simulator.fault(topic, fault=fault)

    with pytest.raises(sdk.APIStatusError):
        await create_response(openai, topic)

    assert simulator.billed(topic) == []


async def test_a_429_has_a_retry_after_header(simulator: Simulator, openai: AsyncOpenAI, topic: str) -> None:
    simulator.fault(topic, fault="429", retry_after=7)

    with pytest.raises(sdk.RateLimitError) as refusal:
        await create_response(openai, topic)

    assert refusal.value.response.headers["retry-after"] == "7"


async def test_a_fault_fires_from_its_call_on_for_its_number_of_times(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.fault(topic, fault="503", call=2, times=2)

    assert [await outcome(openai, topic) for _ in range(4)] == ["completed", "503", "503", "completed"]


async def test_faults_on_the_same_text_fire_one_after_the_other(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.fault(topic, fault="429")
    simulator.fault(topic, fault="500")

    assert [await outcome(openai, topic) for _ in range(3)] == ["429", "500", "completed"]


async def test_a_fault_does_not_affect_other_texts(simulator: Simulator, openai: AsyncOpenAI, topic: str) -> None:
    simulator.fault(topic, fault="500", times=9)

    assert await outcome(openai, "another topic") == "completed"


async def test_a_call_that_hangs_is_neither_answered_nor_billed(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.fault(topic, fault="timeout")

    with pytest.raises(sdk.APITimeoutError):
        await openai.with_options(timeout=0.3).responses.create(model=MODEL, input=topic)

    assert simulator.billed(topic) == []


@pytest.mark.parametrize("stream", [False, True])
async def test_a_cut_connection_is_billed_and_sends_no_id(simulator: Simulator, topic: str, stream: bool) -> None:
    simulator.fault(topic, fault="cut")
    seen = b""

    async def read() -> None:
        nonlocal seen
        body = {"model": MODEL, "input": topic, "background": True, "stream": stream}
        async with simulator.http() as http, http.stream("POST", "/v1/responses", json=body) as answer:
            async for data in answer.aiter_raw():
                seen += data

    with pytest.raises(httpx.RemoteProtocolError):
        await read()
    assert (len(simulator.billed(topic)), b"resp_" in seen) == (1, False)


@pytest.mark.parametrize("stream", [False, True])
async def test_the_openai_client_sees_a_cut_as_a_connection_error(
    simulator: Simulator, openai: AsyncOpenAI, topic: str, stream: bool
) -> None:
    simulator.fault(topic, fault="cut")

    async def call() -> None:
        answer: Any = await openai.responses.create(model=MODEL, input=topic, background=True, stream=stream)
        await anext(answer)

    with pytest.raises(sdk.APIConnectionError):
        await call()


async def test_a_background_response_completes_after_a_cut(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    conversation = await openai.conversations.create()
    simulator.fault(topic, fault="cut", latency_seconds=0.2)
    with pytest.raises(sdk.APIConnectionError):
        await openai.responses.create(model=MODEL, input=topic, background=True, conversation=conversation.id)

    async def look() -> int:
        return len((await openai.conversations.items.list(conversation.id)).data)

    assert await eventually(look) == 2


async def test_a_stored_completion_is_found_after_the_cut(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.fault(topic, fault="cut")
    with pytest.raises(sdk.APIConnectionError):
        await openai.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": topic}], store=True, metadata={"effect_key": topic}
        )

    stored = await openai.chat.completions.list(metadata={"effect_key": topic})

    assert [one.id for one in stored.data] == [simulator.billed(topic)[0]["id"]]


async def test_a_billed_500_is_billed(simulator: Simulator, openai: AsyncOpenAI, topic: str) -> None:
    simulator.fault(topic, fault="billed_500")

    with pytest.raises(sdk.InternalServerError):
        await create_response(openai, topic)

    assert len(simulator.billed(topic)) == 1


async def test_an_empty_answer_has_status_completed(simulator: Simulator, openai: AsyncOpenAI, topic: str) -> None:
    simulator.fault(topic, fault="empty")

    response = await create_response(openai, topic)

    assert (response.status, response.output_text) == ("completed", "")


async def test_a_truncated_answer_has_status_incomplete(simulator: Simulator, openai: AsyncOpenAI, topic: str) -> None:
    simulator.fault(topic, fault="truncated")

    response = await create_response(openai, topic)

    assert response.incomplete_details is not None
    assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")


async def test_a_truncated_stream_ends_with_the_incomplete_event(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.fault(topic, fault="truncated")

    stream = await openai.responses.create(model=MODEL, input=topic, stream=True)

    assert [event.type async for event in stream][-1] == "response.incomplete"


async def test_a_truncated_completion_has_finish_reason_length(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.fault(topic, fault="truncated")

    completion = await openai.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": topic}])

    assert completion.choices[0].finish_reason == "length"


async def test_a_content_refusal_is_a_refusal_part(simulator: Simulator, openai: AsyncOpenAI, topic: str) -> None:
    simulator.fault(topic, fault="refused")

    response = await create_response(openai, topic)

    [message] = response.output
    assert message.type == "message"
    assert [part.type for part in message.content] == ["refusal"]


async def test_a_completion_refused_for_its_content_has_no_content(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.fault(topic, fault="refused")

    completion = await openai.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": topic}])

    message = completion.choices[0].message
    assert (message.content, bool(message.refusal)) == (None, True)


async def test_a_failed_generation_ends_its_stream_with_the_failed_event(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.fault(topic, fault="failed")

    stream = await openai.responses.create(model=MODEL, input=topic, stream=True)

    assert [event.type async for event in stream][-1] == "response.failed"


@pytest.mark.parametrize("more", [{}, {"fault": "slow"}])
async def test_a_call_takes_the_latency_of_its_fault(
    simulator: Simulator, openai: AsyncOpenAI, topic: str, more: dict[str, str]
) -> None:
    simulator.fault(topic, latency_seconds=0.4, **more)
    begun = asyncio.get_running_loop().time()

    await create_response(openai, topic)

    assert asyncio.get_running_loop().time() - begun >= 0.4


async def test_a_fault_can_be_limited_to_one_kind_of_call(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.fault(topic, fault="500", kind="embedding")
    await create_response(openai, topic)

    with pytest.raises(sdk.InternalServerError):
        await openai.embeddings.create(model="simulator-embedding", input=topic)


async def test_a_429_can_have_retry_after_as_a_date(simulator: Simulator, openai: AsyncOpenAI, topic: str) -> None:
    simulator.fault(topic, fault="429", retry_after=3600, retry_after_date=True)

    with pytest.raises(sdk.RateLimitError) as refusal:
        await create_response(openai, topic)

    date = parsedate_to_datetime(refusal.value.response.headers["retry-after"])
    assert 3500 < (date - datetime.now(UTC)).total_seconds() <= 3601


@pytest.mark.parametrize(
    ("fault", "code"), [("too_large", "context_length_exceeded"), ("content_filter", "content_filter")]
)
async def test_a_refused_prompt_has_its_error_code_and_is_not_billed(
    simulator: Simulator, openai: AsyncOpenAI, topic: str, fault: str, code: str
) -> None:
    simulator.fault(topic, fault=fault, times=2)

    with pytest.raises(sdk.BadRequestError) as of_response:
        await create_response(openai, topic)
    with pytest.raises(sdk.BadRequestError) as of_chat:
        await openai.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": topic}])

    assert (of_response.value.code, of_chat.value.code, simulator.billed(topic)) == (code, code, [])


async def test_a_filtered_answer_has_content_filter_as_reason(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.fault(topic, fault="filtered", times=2)

    response = await create_response(openai, topic)
    chat = await openai.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": topic}])

    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert (response.incomplete_details.reason, chat.choices[0].finish_reason) == ("content_filter", "content_filter")


async def test_a_background_stream_cut_midway_completes_without_its_reader(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.fault(topic, fault="cut_midway")
    stream = await openai.responses.create(model=MODEL, input=topic, background=True, stream=True)
    seen: list[ResponseStreamEvent] = []

    async def read() -> None:
        async for one in stream:
            seen.append(one)

    with pytest.raises(sdk.APIConnectionError):
        await read()

    assert seen[0].type == "response.created"
    assert "response.output_text.delta" in {one.type for one in seen}
    whole = await openai.responses.retrieve(seen[0].response.id)
    text = "".join(one.delta for one in seen if one.type == "response.output_text.delta")
    assert (whole.status, whole.output_text.startswith(text), whole.output_text == text) == ("completed", True, False)


async def test_a_foreground_stream_cut_midway_stops(simulator: Simulator, openai: AsyncOpenAI, topic: str) -> None:
    simulator.settings(latency_seconds=2)
    simulator.fault(topic, fault="cut_midway")
    conversation = await openai.conversations.create()
    stream = await openai.responses.create(model=MODEL, input=topic, stream=True, conversation=conversation.id)

    with pytest.raises(sdk.APIConnectionError):
        async for _ in stream:
            pass

    # Half of its time is still to come: only a call that was stopped leaves the conversation free.
    free = await openai.responses.create(model=MODEL, input="next", background=True, conversation=conversation.id)
    assert free.status == "queued"


async def test_a_chat_stream_cut_midway_ends_the_connection(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.fault(topic, fault="cut_midway")
    stream = await openai.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": topic}], stream=True
    )
    pieces: list[str] = []

    async def read() -> None:
        async for chunk in stream:
            pieces.append(chunk.choices[0].delta.content or "")

    with pytest.raises(sdk.APIConnectionError):
        await read()

    assert 0 < len("".join(pieces)) < len(compose(topic, ""))


@pytest.mark.parametrize("background", [False, True])
async def test_an_unstreamed_answer_cut_midway_is_billed_and_broken_off(
    simulator: Simulator, openai: AsyncOpenAI, topic: str, background: bool
) -> None:
    simulator.fault(topic, fault="cut_midway")

    with pytest.raises(sdk.APIConnectionError):
        await openai.responses.create(model=MODEL, input=topic, background=background)

    assert len(simulator.billed(topic)) == 1
