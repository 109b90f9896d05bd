"""/v1/chat/completions, called by the real OpenAI client."""

import asyncio

import openai as sdk
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion

from tests.simulator.outside import MODEL, Simulator, eventually


async def complete(openai: AsyncOpenAI, topic: str, key: str | None = None) -> ChatCompletion:
    return await openai.chat.completions.create(
        model=MODEL,
        messages=[{"role": "system", "content": "You write reports."}, {"role": "user", "content": topic}],
        store=key is not None,
        metadata={"effect_key": key} if key else None,
    )


async def found(openai: AsyncOpenAI, key: str) -> list[str]:
    return [one.id async for one in openai.chat.completions.list(metadata={"effect_key": key}, model=MODEL)]


async def test_a_completion_is_answered_in_one_piece(openai: AsyncOpenAI, topic: str) -> None:
    completion = await complete(openai, topic)

    assert completion.choices[0].finish_reason == "stop"
    assert topic in (completion.choices[0].message.content or "")


async def test_a_streamed_completion_is_the_same_text(openai: AsyncOpenAI, topic: str) -> None:
    whole = await openai.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": topic}])

    stream = await openai.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": topic}], stream=True
    )
    pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]

    assert "".join(pieces) == whole.choices[0].message.content


async def test_the_last_chunk_holds_the_usage_when_requested(openai: AsyncOpenAI, topic: str) -> None:
    stream = await openai.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": topic}],
        stream=True,
        stream_options={"include_usage": True},
    )

    chunks = [chunk async for chunk in stream]

    assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


async def test_a_stored_completion_is_found_by_its_metadata(openai: AsyncOpenAI, topic: str) -> None:
    completion = await complete(openai, topic, key=topic)
    await complete(openai, topic, key=f"other {topic}")

    assert await found(openai, topic) == [completion.id]


async def test_a_stored_completion_is_not_found_before_the_visibility_lag(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.settings(visibility_lag_seconds=60)

    await complete(openai, topic, key=topic)

    assert await found(openai, topic) == []


async def test_a_stored_completion_is_found_after_the_visibility_lag(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.settings(visibility_lag_seconds=0.2)
    completion = await complete(openai, topic, key=topic)

    async def look() -> list[str] | None:
        return await found(openai, topic) or None

    assert await eventually(look) == [completion.id]


async def test_a_stored_completion_is_retrieved_by_its_id(openai: AsyncOpenAI, topic: str) -> None:
    completion = await complete(openai, topic, key=topic)

    again = await openai.chat.completions.retrieve(completion.id)

    assert (again.choices, again.metadata) == (completion.choices, {"effect_key": topic})


async def test_the_messages_of_a_stored_completion_are_listed(openai: AsyncOpenAI, topic: str) -> None:
    completion = await complete(openai, topic, key=topic)

    messages = await openai.chat.completions.messages.list(completion.id)

    assert [message.content for message in messages.data] == ["You write reports.", topic]


async def test_a_completion_that_was_not_stored_is_not_found(openai: AsyncOpenAI, topic: str) -> None:
    completion = await complete(openai, topic)

    with pytest.raises(sdk.NotFoundError):
        await openai.chat.completions.retrieve(completion.id)


async def test_a_stored_completion_is_completed_and_found_after_its_client_hung_up(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.settings(latency_seconds=0.3)
    call = asyncio.create_task(complete(openai, topic, key=topic))

    async def billed() -> bool:
        return bool(simulator.billed(topic))

    await eventually(billed)
    call.cancel()

    async def look() -> list[str] | None:
        return await found(openai, topic) or None

    assert len(await eventually(look)) == 1
