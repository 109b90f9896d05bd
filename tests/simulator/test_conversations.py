"""Conversations: the lookup when the id of a response was never received."""

import httpx
import openai as sdk
import pytest
from openai import AsyncOpenAI
from openai.types.conversations import ConversationItem

from tests.simulator.outside import MODEL, Simulator, eventually


async def test_question_and_answer_are_listed_once_the_response_is_complete(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.settings(latency_seconds=0.3)
    conversation = await openai.conversations.create()
    await openai.responses.create(model=MODEL, input=topic, background=True, conversation=conversation.id)

    async def look() -> list[ConversationItem] | None:
        return (await openai.conversations.items.list(conversation.id)).data or None

    items = await eventually(look)
    assert [item.role for item in items if item.type == "message"] == ["assistant", "user"]


async def test_no_item_is_listed_before_the_response_is_complete(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.settings(latency_seconds=60)
    conversation = await openai.conversations.create()
    await openai.responses.create(model=MODEL, input=topic, background=True, conversation=conversation.id)

    items = await openai.conversations.items.list(conversation.id)

    assert items.data == []


async def test_a_conversation_accepts_one_response_at_a_time(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.settings(latency_seconds=60)
    conversation = await openai.conversations.create()
    await openai.responses.create(model=MODEL, input=topic, background=True, conversation=conversation.id)

    with pytest.raises(sdk.BadRequestError) as refusal:
        await openai.responses.create(model=MODEL, input=topic, background=True, conversation=conversation.id)

    assert refusal.value.code == "conversation_locked"


async def test_a_response_refused_for_the_lock_is_not_billed(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.settings(latency_seconds=60)
    conversation = await openai.conversations.create()
    await openai.responses.create(model=MODEL, input="first", background=True, conversation=conversation.id)

    with pytest.raises(sdk.BadRequestError):
        await openai.responses.create(model=MODEL, input=topic, background=True, conversation=conversation.id)

    assert simulator.billed(topic) == []


async def test_cancelling_a_response_frees_its_conversation(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.settings(latency_seconds=60)
    conversation = await openai.conversations.create()
    first = await openai.responses.create(model=MODEL, input=topic, background=True, conversation=conversation.id)
    await openai.responses.cancel(first.id)

    second = await openai.responses.create(model=MODEL, input=topic, background=True, conversation=conversation.id)

    assert second.status == "queued"


async def test_an_unknown_conversation_is_not_found(openai: AsyncOpenAI, topic: str) -> None:
    with pytest.raises(sdk.NotFoundError):
        await openai.responses.create(model=MODEL, input=topic, conversation="conv_none")


@pytest.mark.parametrize("items", [7, [7], [{"role": 7}], [{"role": "user", "content": {}}]])
async def test_invalid_items_are_refused_at_creation(http: httpx.AsyncClient, items: object) -> None:
    answer = await http.post("/v1/conversations", json={"items": items})

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "items")


async def test_items_passed_at_creation_are_listed(openai: AsyncOpenAI) -> None:
    conversation = await openai.conversations.create(
        items=[{"type": "message", "role": "user", "content": "hello"}], metadata={"effect_key": "k"}
    )

    items = await openai.conversations.items.list(conversation.id)

    assert [item.role for item in items.data if item.type == "message"] == ["user"]


async def test_added_items_are_listed_in_their_order(openai: AsyncOpenAI, topic: str) -> None:
    conversation = await openai.conversations.create()
    await openai.responses.create(model=MODEL, input=topic, conversation=conversation.id)

    added = await openai.conversations.items.create(
        conversation.id, items=[{"type": "message", "role": "user", "content": "a note"}]
    )

    listed = await openai.conversations.items.list(conversation.id, order="asc")
    assert [getattr(item, "role", item.type) for item in listed.data] == ["user", "assistant", "user"]
    assert listed.data[-1].id == added.data[0].id


async def test_no_item_is_added_while_a_response_runs(simulator: Simulator, openai: AsyncOpenAI, topic: str) -> None:
    simulator.settings(latency_seconds=60)
    conversation = await openai.conversations.create()
    await openai.responses.create(model=MODEL, input=topic, background=True, conversation=conversation.id)

    with pytest.raises(sdk.BadRequestError) as refusal:
        await openai.conversations.items.create(
            conversation.id, items=[{"type": "message", "role": "user", "content": "a note"}]
        )

    assert refusal.value.code == "conversation_locked"
    assert (await openai.conversations.items.list(conversation.id)).data == []


async def test_items_cannot_be_added_to_an_unknown_conversation(openai: AsyncOpenAI) -> None:
    with pytest.raises(sdk.NotFoundError):
        await openai.conversations.items.create(
            "conv_none", items=[{"type": "message", "role": "user", "content": "a note"}]
        )


@pytest.mark.parametrize("items", [None, [], [7], [{"role": "user", "content": "x"}] * 21])
async def test_adding_invalid_items_is_refused(http: httpx.AsyncClient, openai: AsyncOpenAI, items: object) -> None:
    conversation = await openai.conversations.create()

    answer = await http.post(f"/v1/conversations/{conversation.id}/items", json={"items": items})

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "items")


async def test_an_item_is_retrieved_by_its_id_and_an_unknown_one_is_not_found(openai: AsyncOpenAI) -> None:
    conversation = await openai.conversations.create(items=[{"role": "user", "content": "Hello"}])
    (item,) = (await openai.conversations.items.list(conversation.id)).data
    assert item.id

    shown = await openai.conversations.items.retrieve(item.id, conversation_id=conversation.id)

    assert shown == item
    with pytest.raises(sdk.NotFoundError):
        await openai.conversations.items.retrieve("msg_unknown", conversation_id=conversation.id)
