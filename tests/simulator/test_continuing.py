"""An answer truncated for its length: a continuation returns the rest, and both together are the whole."""

import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam

from durable_research.simulator.text.writer import compose
from tests.simulator.outside import MODEL, Simulator

GO_ON = "Continue exactly where you stopped."


async def test_a_continuation_on_the_same_conversation_gives_the_rest(openai: AsyncOpenAI, topic: str) -> None:
    conversation = await openai.conversations.create()
    parts = [
        await openai.responses.create(model=MODEL, input=text, conversation=conversation.id, max_output_tokens=limit)
        for text, limit in ((topic, 100), (GO_ON, 150), (GO_ON, 100_000))
    ]

    assert [part.status for part in parts] == ["incomplete", "incomplete", "completed"]
    assert "".join(part.output_text for part in parts) == compose(topic, "")


async def test_a_continuation_by_previous_response_id_gives_the_rest(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.fault(topic, fault="truncated")
    first = await openai.responses.create(model=MODEL, input=topic, instructions="be wise")

    second = await openai.responses.create(model=MODEL, input=GO_ON, previous_response_id=first.id)

    assert first.output_text + second.output_text == compose(topic, "be wise")


async def test_the_same_question_on_a_conversation_starts_a_new_answer(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.fault(topic, fault="truncated")
    conversation = await openai.conversations.create()
    await openai.responses.create(model=MODEL, input=topic, conversation=conversation.id)

    again = await openai.responses.create(model=MODEL, input=topic, conversation=conversation.id)

    assert again.output_text == compose(topic, "")


async def test_another_question_after_a_complete_answer_gets_its_own_answer(openai: AsyncOpenAI, topic: str) -> None:
    conversation = await openai.conversations.create()
    await openai.responses.create(model=MODEL, input="first", conversation=conversation.id)

    second = await openai.responses.create(model=MODEL, input=topic, conversation=conversation.id)

    assert second.output_text == compose(topic, "")


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_chat_continuation_of_a_truncated_answer_gives_the_rest(
    simulator: Simulator, openai: AsyncOpenAI, topic: str, streamed: bool
) -> None:
    simulator.fault(topic, fault="truncated")
    messages: list[ChatCompletionMessageParam] = [
        {"role": "system", "content": "be wise"},
        {"role": "user", "content": topic},
    ]
    first = (await openai.chat.completions.create(model=MODEL, messages=messages)).choices[0]

    messages += [{"role": "assistant", "content": first.message.content}, {"role": "user", "content": GO_ON}]
    if streamed:
        chunks = [
            one async for one in await openai.chat.completions.create(model=MODEL, messages=messages, stream=True)
        ]
        rest = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    else:
        second = await openai.chat.completions.create(model=MODEL, messages=messages)
        rest = second.choices[0].message.content or ""

    assert first.finish_reason == "length"
    assert f"{first.message.content}{rest}" == compose(topic, "be wise")


async def test_a_chat_with_another_assistant_message_gets_its_own_answer(openai: AsyncOpenAI, topic: str) -> None:
    messages: list[ChatCompletionMessageParam] = [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "what we never said"},
        {"role": "user", "content": topic},
    ]

    answer = await openai.chat.completions.create(model=MODEL, messages=messages)

    assert answer.choices[0].message.content == compose(f"first\n\n{topic}", "")
