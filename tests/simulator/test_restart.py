"""The state that a killed simulator still has after a restart, like a provider that never stopped."""

import asyncio
import signal
import smtplib
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from openai import AsyncOpenAI
from openai.types.responses import EasyInputMessageParam, Response, ResponseStreamEvent
from slack_sdk.web.async_client import AsyncWebClient

from tests.simulator.outside import MODEL, Simulator, eventually


@dataclass(frozen=True)
class Before:
    """Answers that clients received before the kill."""

    under_way: Response
    streamed: list[ResponseStreamEvent]
    cancelled: Response
    conversation: str
    completion: str
    keyed: str
    slack_ts: list[str]


async def live(simulator: Simulator) -> Before:
    async with simulator.openai() as client:
        streamed = await client.responses.create(model=MODEL, input="streamed", background=True, stream=True)
        conversation = await client.conversations.create()
        await client.responses.create(model=MODEL, input="conversed", conversation=conversation.id)
        note: EasyInputMessageParam = {"type": "message", "role": "user", "content": "a note"}
        await client.conversations.items.create(conversation.id, items=[note])
        completion = await client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "chat"}], store=True, metadata={"effect_key": "chat"}
        )
        keyed = await post_keyed(simulator)
        slack = slack_of(simulator)
        posted = [(await slack.chat_postMessage(channel="C1", text="tides"))["ts"] for _ in range(2)]
        await slack.chat_delete(channel="C1", ts=posted[0])
        send_mail(simulator)
        events = [event async for event in streamed]
        simulator.settings(latency_seconds=60)
        cancelled = await client.responses.create(model=MODEL, input="cancelled", background=True)
        await client.responses.cancel(cancelled.id)
        simulator.settings(latency_seconds=1)
        under_way = await client.responses.create(
            model=MODEL, input="under way", background=True, metadata={"effect_key": "under way"}
        )
    return Before(under_way, events, cancelled, conversation.id, completion.id, keyed, posted)


def slack_of(simulator: Simulator) -> AsyncWebClient:
    return AsyncWebClient("xoxb-test", base_url=f"{simulator.url}/api/", retry_handlers=[])


def send_mail(simulator: Simulator) -> None:
    with smtplib.SMTP("127.0.0.1", simulator.mail_port, timeout=5) as client:
        client.sendmail(
            "us@example.org", ["you@example.org"], "Subject: mailed\nMessage-ID: <one@example.org>\n\nHello"
        )


async def post_keyed(simulator: Simulator) -> str:
    async with simulator.http() as http:
        body = {"model": MODEL, "input": "keyed", "background": True}
        answer: httpx.Response = await http.post("/v1/responses", json=body, headers={"Idempotency-Key": "keyed"})
    return str(answer.json()["id"])


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Simulator, Before]]:
    simulator = Simulator(
        tmp_path_factory.mktemp("restarted") / "witness.jsonl", "--honour-idempotency-key", "--smtp-port", "0"
    )
    before = asyncio.run(live(simulator))
    simulator.end(signal.SIGKILL)
    for log in simulator.billing_log.parent.iterdir():
        # A power cut leaves half a line behind.
        with log.open("a") as file:
            file.write('{"at": "2026-')
    simulator.start()
    yield simulator, before
    simulator.end(signal.SIGKILL)


@pytest.fixture
def simulator(restarted: tuple[Simulator, Before]) -> Simulator:
    return restarted[0]


@pytest.fixture
def before(restarted: tuple[Simulator, Before]) -> Before:
    return restarted[1]


async def test_a_running_response_completes_after_a_restart(openai: AsyncOpenAI, before: Before) -> None:
    async def look() -> Response | None:
        response = await openai.responses.retrieve(before.under_way.id)
        return response if response.status == "completed" else None

    assert (await eventually(look)).metadata == {"effect_key": "under way"}


async def test_a_stream_can_be_resumed_after_a_restart(openai: AsyncOpenAI, before: Before) -> None:
    created = before.streamed[0]
    assert created.type == "response.created"

    again = await openai.responses.retrieve(created.response.id, stream=True, starting_after=9)

    assert [event async for event in again] == before.streamed[10:]


async def test_a_cancelled_response_stays_cancelled_after_a_restart(openai: AsyncOpenAI, before: Before) -> None:
    assert (await openai.responses.retrieve(before.cancelled.id)).status == "cancelled"


async def test_a_conversation_keeps_its_items_over_a_restart(openai: AsyncOpenAI, before: Before) -> None:
    items = (await openai.conversations.items.list(before.conversation, order="asc")).data
    assert [item.role for item in items if item.type == "message"] == ["user", "assistant", "user"]


async def test_slack_messages_survive_a_restart_and_deleted_ones_stay_deleted(
    simulator: Simulator, before: Before
) -> None:
    history = await slack_of(simulator).conversations_history(channel="C1")

    assert [one["ts"] for one in history["messages"]] == before.slack_ts[1:]


async def test_a_repeated_mail_is_recognised_after_a_restart(simulator: Simulator) -> None:
    send_mail(simulator)

    assert [line.get("repeat") for line in simulator.billed("mailed")] == [None, True]


async def test_a_stored_completion_is_found_after_a_restart(openai: AsyncOpenAI, before: Before) -> None:
    completions = await openai.chat.completions.list(metadata={"effect_key": "chat"})

    assert [one.id for one in completions.data] == [before.completion]


async def test_an_idempotency_key_repeated_after_a_restart_returns_the_same_response(
    simulator: Simulator, before: Before
) -> None:
    assert await post_keyed(simulator) == before.keyed


async def test_an_idempotency_key_repeated_after_a_restart_is_billed_once(simulator: Simulator, before: Before) -> None:
    await post_keyed(simulator)

    assert [line["id"] for line in simulator.billed("keyed")] == [before.keyed]


async def test_the_billing_log_is_continued_after_a_restart(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    await openai.responses.create(model=MODEL, input=topic, background=True)

    assert [len(simulator.billed(text)) for text in ("under way", topic)] == [1, 1]
