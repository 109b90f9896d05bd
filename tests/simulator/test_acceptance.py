"""The time between "accepted and billed" and the first byte: a client that dies in it was billed without receiving the id."""

import smtplib
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI

from tests.simulator.outside import MODEL, Simulator, eventually
from tests.simulator.test_smtp import letter, send

LONG = 60


async def billed(simulator: Simulator, topic: str) -> list[dict[str, Any]]:
    async def look() -> list[dict[str, Any]]:
        return simulator.billed(topic)

    return await eventually(look)


def call(path: str, topic: str, **more: Any) -> dict[str, Any]:
    input_field = {"input": topic} if path == "responses" else {"messages": [{"role": "user", "content": topic}]}
    return {"model": MODEL, **input_field, **more}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("path", ["responses", "chat/completions"])
async def test_a_call_is_billed_before_the_first_byte(
    simulator: Simulator, http: httpx.AsyncClient, topic: str, path: str, streamed: bool
) -> None:
    simulator.settings(acceptance_seconds=LONG)

    with pytest.raises(httpx.ReadTimeout):
        await http.post(f"/v1/{path}", json=call(path, topic, stream=streamed), timeout=2)

    assert len(await billed(simulator, topic)) == 1


async def test_a_background_call_completes_although_its_client_never_received_the_id(
    simulator: Simulator, openai: AsyncOpenAI, http: httpx.AsyncClient, topic: str
) -> None:
    conversation = await openai.conversations.create()
    simulator.settings(acceptance_seconds=LONG)
    body = call("responses", topic, background=True, conversation=conversation.id)

    with pytest.raises(httpx.ReadTimeout):
        await http.post("/v1/responses", json=body, timeout=2)

    async def look() -> list[str] | None:
        items = (await openai.conversations.items.list(conversation.id)).data
        return [item.role for item in items if item.type == "message"] or None

    assert await eventually(look) == ["assistant", "user"]


async def test_a_stored_chat_becomes_visible_after_its_client_disconnected(
    simulator: Simulator, openai: AsyncOpenAI, http: httpx.AsyncClient, topic: str
) -> None:
    simulator.settings(acceptance_seconds=LONG)
    body = call("chat/completions", topic, store=True, metadata={"effect_key": topic})

    with pytest.raises(httpx.ReadTimeout):
        await http.post("/v1/chat/completions", json=body, timeout=2)

    async def look() -> list[str] | None:
        found = await openai.chat.completions.list(metadata={"effect_key": topic})
        return [one.id for one in found.data] or None

    assert await eventually(look) == [simulator.billed(topic)[0]["id"]]


async def test_a_message_is_stored_although_its_sender_received_no_answer(
    simulator: Simulator, http: httpx.AsyncClient, topic: str
) -> None:
    simulator.settings(acceptance_seconds=LONG)
    slack = {"channel": "C1", "text": topic}

    with pytest.raises(httpx.ReadTimeout):
        await http.post("/sink/webhook", json={"title": topic}, timeout=2)
    with pytest.raises(httpx.ReadTimeout):
        await http.post("/api/chat.postMessage", json=slack, headers={"authorization": "Bearer xoxb-1"}, timeout=2)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(simulator, letter(topic), timeout=2)

    assert [line["kind"] for line in await billed(simulator, topic)] == ["webhook", "slack", "email"]
