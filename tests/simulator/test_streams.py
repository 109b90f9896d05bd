"""Responses streamed while they are generated, and resumed where the connection was lost."""

from typing import Any

import openai as sdk
import pytest
from openai import AsyncOpenAI, AsyncStream
from openai.types.responses import Response, ResponseStreamEvent

from tests.simulator.outside import MODEL, Simulator, eventually


async def some_events(stream: AsyncStream[ResponseStreamEvent], count: int) -> list[ResponseStreamEvent]:
    events = []
    async for event in stream:
        events.append(event)
        if len(events) == count:
            break
    await stream.close()
    return events


def text_of(events: list[ResponseStreamEvent]) -> str:
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


async def test_events_are_sent_in_openais_order(openai: AsyncOpenAI, topic: str) -> None:
    stream = await openai.responses.create(model=MODEL, input=topic, stream=True)

    kinds = [event.type async for event in stream if event.type != "response.output_text.delta"]

    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]


async def test_events_are_numbered_without_gaps(openai: AsyncOpenAI, topic: str) -> None:
    stream = await openai.responses.create(model=MODEL, input=topic, stream=True)

    numbers = [event.sequence_number async for event in stream]

    assert numbers == list(range(len(numbers)))


async def test_the_streamed_pieces_make_the_text_of_the_finished_response(openai: AsyncOpenAI, topic: str) -> None:
    stream = await openai.responses.create(model=MODEL, input=topic, stream=True)
    events = [event async for event in stream]

    last = events[-1]

    assert last.type == "response.completed"
    assert text_of(events) == last.response.output_text


async def test_text_is_sent_while_the_response_is_being_generated(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.settings(latency_seconds=5)
    stream = await openai.responses.create(model=MODEL, input=topic, stream=True, background=True)

    events = await some_events(stream, 7)

    created, latest = events[0], events[-1]
    assert created.type == "response.created"
    response = await openai.responses.retrieve(created.response.id)
    assert (latest.type, response.status) == ("response.output_text.delta", "in_progress")


@pytest.mark.parametrize("seen", [1, 6, 60])
async def test_a_resumed_stream_gives_exactly_the_rest(
    simulator: Simulator, openai: AsyncOpenAI, topic: str, seen: int
) -> None:
    simulator.settings(latency_seconds=0.4)
    stream = await openai.responses.create(model=MODEL, input=topic, stream=True, background=True)
    before = await some_events(stream, seen)
    created = before[0]
    assert created.type == "response.created"

    again = await openai.responses.retrieve(created.response.id, stream=True, starting_after=before[-1].sequence_number)
    rest = [event async for event in again]

    whole = [event async for event in await openai.responses.retrieve(created.response.id, stream=True)]
    assert [*before, *rest] == whole


async def test_a_stream_can_be_resumed_after_its_end(openai: AsyncOpenAI, topic: str) -> None:
    stream = await openai.responses.create(model=MODEL, input=topic, stream=True, background=True)
    events = [event async for event in stream]
    created = events[0]
    assert created.type == "response.created"

    again = await openai.responses.retrieve(created.response.id, stream=True, starting_after=events[-2].sequence_number)

    assert [event async for event in again] == events[-1:]


async def test_a_background_response_continues_when_its_reader_disconnects(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.settings(latency_seconds=0.4)
    created = (
        await some_events(await openai.responses.create(model=MODEL, input=topic, stream=True, background=True), 1)
    )[0]
    assert created.type == "response.created"

    async def look() -> Response | None:
        response = await openai.responses.retrieve(created.response.id)
        return response if response.status == "completed" else None

    assert topic in (await eventually(look)).output_text


async def test_a_foreground_response_stops_when_its_reader_disconnects(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    conversation = await openai.conversations.create()
    simulator.settings(latency_seconds=60)
    await some_events(
        await openai.responses.create(model=MODEL, input=topic, stream=True, conversation=conversation.id), 5
    )
    simulator.settings(latency_seconds=0)

    async def the_conversation_is_free() -> Response | None:
        try:
            return await openai.responses.create(model=MODEL, input="next", conversation=conversation.id)
        except sdk.BadRequestError:
            return None

    assert (await eventually(the_conversation_is_free)).status == "completed"


async def test_a_foreground_response_whose_reader_disconnected_stays_billed(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.settings(latency_seconds=60)
    await some_events(await openai.responses.create(model=MODEL, input=topic, stream=True), 1)

    assert len(simulator.billed(topic)) == 1


async def test_cancelling_a_response_ends_its_stream(simulator: Simulator, openai: AsyncOpenAI, topic: str) -> None:
    simulator.settings(latency_seconds=60)
    stream = await openai.responses.create(model=MODEL, input=topic, stream=True, background=True)
    created: Any = await anext(stream)
    await openai.responses.cancel(created.response.id)

    kinds = [event.type async for event in stream]

    assert "response.completed" not in kinds


async def test_only_a_streamed_background_response_can_be_resumed_as_a_stream(openai: AsyncOpenAI, topic: str) -> None:
    accepted = await openai.responses.create(model=MODEL, input=topic, background=True)

    with pytest.raises(sdk.BadRequestError, match="cannot be streamed"):
        await openai.responses.retrieve(accepted.id, stream=True)
