"""Slack as its own client meets it: posting, finding one's own message again, errors that come with status 200."""

import uuid
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.simulator.outside import Simulator, eventually


def client_of(simulator: Simulator, token: str) -> AsyncWebClient:
    return AsyncWebClient(token, base_url=f"{simulator.url}/api/", timeout=5, retry_handlers=[])


@pytest.fixture
async def slack(simulator: Simulator) -> AsyncWebClient:
    return client_of(simulator, "xoxb-test")


@pytest.fixture
def channel() -> str:
    return f"C{uuid.uuid4().hex}"


def tagged(key: str) -> dict[str, Any]:
    return {"event_type": "durable_research_report", "event_payload": {"effect_key": key}}


async def test_a_message_is_logged_with_its_key_and_ts(
    simulator: Simulator, slack: AsyncWebClient, channel: str, topic: str
) -> None:
    posted = await slack.chat_postMessage(channel=channel, text=topic, metadata=tagged("key-1"))

    assert [(line["kind"], line["key"], line["id"]) for line in simulator.billed(topic)] == [
        ("slack", "key-1", posted["ts"])
    ]


async def test_a_message_is_found_by_its_metadata(slack: AsyncWebClient, channel: str) -> None:
    posted = await slack.chat_postMessage(channel=channel, text="tides", metadata=tagged("key-2"))

    found = await slack.conversations_history(channel=channel, include_all_metadata=True)

    assert [(one["ts"], one["metadata"]["event_payload"]) for one in found["messages"]] == [
        (posted["ts"], {"effect_key": "key-2"})
    ]


async def test_metadata_is_listed_only_when_requested(slack: AsyncWebClient, channel: str) -> None:
    await slack.chat_postMessage(channel=channel, text="tides", metadata=tagged("key-3"))

    assert "metadata" not in (await slack.conversations_history(channel=channel))["messages"][0]


async def test_history_is_newest_first_and_read_in_pages(slack: AsyncWebClient, channel: str) -> None:
    sent = [(await slack.chat_postMessage(channel=channel, text=f"tide {number}"))["ts"] for number in range(5)]

    pages = [page["messages"] async for page in await slack.conversations_history(channel=channel, limit=2)]

    assert [[one["ts"] for one in page] for page in pages] == [sent[:2:-1], sent[2:0:-1], sent[:1]]


async def test_history_can_start_after_a_timestamp(slack: AsyncWebClient, channel: str) -> None:
    first, second = [(await slack.chat_postMessage(channel=channel, text="tide"))["ts"] for _ in range(2)]

    found = await slack.conversations_history(channel=channel, oldest=first)

    assert [one["ts"] for one in found["messages"]] == [second]


async def test_a_message_is_invisible_during_the_visibility_lag(
    simulator: Simulator, slack: AsyncWebClient, channel: str
) -> None:
    simulator.settings(visibility_lag_seconds=60)

    await slack.chat_postMessage(channel=channel, text="tide")

    assert (await slack.conversations_history(channel=channel))["messages"] == []


async def test_a_message_is_visible_after_the_visibility_lag(
    simulator: Simulator, slack: AsyncWebClient, channel: str
) -> None:
    simulator.settings(visibility_lag_seconds=0.2)
    await slack.chat_postMessage(channel=channel, text="tide")

    async def look() -> object:
        return (await slack.conversations_history(channel=channel))["messages"]

    assert await eventually(look)


async def test_a_deleted_message_is_not_listed_and_its_deletion_is_logged(
    simulator: Simulator, slack: AsyncWebClient, channel: str, topic: str
) -> None:
    posted = await slack.chat_postMessage(channel=channel, text=topic, metadata=tagged("key-4"))

    await slack.chat_delete(channel=channel, ts=posted["ts"])

    assert (await slack.conversations_history(channel=channel))["messages"] == []
    assert [(line["kind"], line["key"]) for line in simulator.billed(topic)] == [
        ("slack", "key-4"),
        ("slack_deleted", "key-4"),
    ]


@pytest.mark.parametrize(
    ("token", "channel", "text", "error"),
    [
        ("xoxp-person", "C1", "tides", "invalid_auth"),
        ("xoxb-bot", "missing-channel", "tides", "channel_not_found"),
        ("xoxb-bot", "C1", "", "no_text"),
        ("xoxb-bot", "C1", "x" * 40_001, "msg_too_long"),
    ],
)
async def test_refusals_have_slacks_error_codes(
    simulator: Simulator, token: str, channel: str, text: str, error: str
) -> None:
    with pytest.raises(SlackApiError) as refusal:
        await client_of(simulator, token).api_call("chat.postMessage", json={"channel": channel, "text": text})

    assert (refusal.value.response.status_code, refusal.value.response["error"]) == (200, error)


async def test_a_rate_limit_has_a_retry_after_and_stores_nothing(
    simulator: Simulator, slack: AsyncWebClient, channel: str, topic: str
) -> None:
    simulator.fault(topic, fault="429", kind="slack", retry_after=3)

    with pytest.raises(SlackApiError) as refusal:
        await slack.chat_postMessage(channel=channel, text=topic)

    assert (refusal.value.response.status_code, refusal.value.response.headers["Retry-After"]) == (429, "3")
    assert simulator.billed(topic) == []


@pytest.mark.parametrize(("fault", "stored"), [("500", 0), ("billed_500", 1), ("cut", 1)])
async def test_slack_connection_lost_before_or_after_delivery(
    simulator: Simulator, slack: AsyncWebClient, channel: str, topic: str, fault: str, stored: int
) -> None:
    simulator.fault(topic, fault=fault, kind="slack")

    with pytest.raises(Exception):  # noqa: B017, PT011 - each breaks in another way; what counts is what was taken
        await slack.chat_postMessage(channel=channel, text=topic)

    assert len(simulator.billed(topic)) == stored
