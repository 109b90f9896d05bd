"""Slack on the simulator: a posted message is found by its key, and an error is one of three kinds."""

import asyncio
import dataclasses
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from durable_research.adapters.notifiers.slack import SlackNotifier
from durable_research.domain.errors import Ambiguous, NotificationBusy, NotificationFailed, NotificationRefused
from durable_research.domain.ledger.effects import ProviderClass
from durable_research.domain.requests.notice import Notice, NoticeKind
from durable_research.domain.workflows.approval import ApprovalNotice
from durable_research.domain.workflows.events import EventKind
from durable_research.ports.vendors.notifiers import Notification
from durable_research.ports.vendors.remote import EarlierSend
from tests.installation import Installation

CHANNEL = "C0TESTS"


@pytest.fixture
def key() -> str:
    return uuid.uuid4().hex * 2


@pytest.fixture
def note() -> Notification:
    topic = uuid.uuid4().hex
    return Notification(f"report-{topic}", f"Tides {topic}", "done", f"http://127.0.0.1/reports/{topic}")


@pytest.fixture
def notifier(servers: Installation) -> SlackNotifier:
    return SlackNotifier(f"{servers.up['simulator']}/api/", "xoxb-test", CHANNEL)


def earlier(key: str) -> EarlierSend:
    return EarlierSend(key, None, datetime.now(UTC))


def fault(servers: Installation, note: Notification, **what: Any) -> None:
    servers.simulator("faults", {"match": note.title, "kind": "slack", **what})


@asynccontextmanager
async def answering(status: int, kind: str, body: bytes) -> AsyncIterator[SlackNotifier]:
    """A notifier whose Slack has this one answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield SlackNotifier(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/", "xoxb-test", CHANNEL)


async def test_a_message_is_posted_once_with_its_key(
    notifier: SlackNotifier, servers: Installation, note: Notification, key: str
) -> None:
    reference = await notifier.prepare(note).send(key, None)

    assert [(line["key"], line["id"]) for line in servers.billing_log(note.title, kind="slack")] == [(key, reference)]


def posted_message(servers: Installation, reference: str) -> dict[str, Any]:
    """The message as the channel stores it."""
    with httpx.Client(base_url=servers.up["simulator"], headers={"Authorization": "Bearer xoxb-test"}) as client:
        messages = client.get("/api/conversations.history", params={"channel": CHANNEL}).json()["messages"]
    return next(one for one in messages if one["ts"] == reference)


def shown(message: dict[str, Any]) -> list[dict[str, Any]]:
    [block] = message["blocks"]
    [section] = block["elements"]
    assert (block["type"], section["type"]) == ("rich_text", "rich_text_section")
    return list(section["elements"])


@pytest.mark.parametrize(
    "title",
    [
        "A*STAR and the *5 GHz* band",
        "_snake_case_ and ~tilde~ `code` ```fence```",
        "<!channel> <https://evil.example|x> & <@U123>",
        "> quoted, :tada: and @here, https://evil.example",
        "1. one • two\u202e three 潮汐 🌊",
    ],
)
async def test_markup_in_a_title_is_shown_literally(
    notifier: SlackNotifier, servers: Installation, note: Notification, key: str, title: str
) -> None:
    message = posted_message(servers, await notifier.prepare(dataclasses.replace(note, title=title)).send(key, None))

    assert shown(message) == [
        {"type": "text", "text": title, "style": {"bold": True}},
        {"type": "text", "text": " is ready: "},
        {"type": "link", "url": note.url, "text": "open it"},
    ]
    # Where no blocks are shown; there these three signs are commands, and nothing else is as markup is off.
    plain = message["text"].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert plain == f"{title} is ready: {note.url}"
    assert not {"<", ">"} & set(message["text"])


@pytest.mark.parametrize(
    ("occasion", "waits"),
    [(EventKind.APPROVAL_ASKED, "waits for you"), (EventKind.APPROVAL_REMINDED, "still waits for you")],
)
async def test_a_draft_that_waits_for_approval_has_its_own_message_text(
    notifier: SlackNotifier, servers: Installation, note: Notification, key: str, occasion: Any, waits: str
) -> None:
    approval = ApprovalNotice(
        occasion=occasion, before="before_notify", expires_at=datetime(2026, 12, 1, 9, tzinfo=UTC)
    )

    reference = await notifier.prepare(dataclasses.replace(note, title="Tides", approval=approval)).send(key, None)

    message = posted_message(servers, reference)
    more = "The report is made; approve it to have it told, or refuse (until 2026-12-01 09:00 UTC)."
    assert "".join(one["text"] for one in shown(message)) == f"Tides {waits}: decide. {more}"
    assert message["text"] == f"Tides {waits}: {note.url} {more}"


async def test_an_earlier_message_is_found_by_its_key(notifier: SlackNotifier, note: Notification, key: str) -> None:
    posted = await notifier.prepare(note).send(key, None)

    assert await notifier.prepare(note).find(earlier(key)) == posted


async def test_a_message_that_was_never_sent_is_not_found(notifier: SlackNotifier, note: Notification) -> None:
    await notifier.prepare(note).send("another key", None)

    assert await notifier.prepare(note).find(earlier(uuid.uuid4().hex)) is None


async def test_every_message_with_the_key_is_found_oldest_first(
    notifier: SlackNotifier, note: Notification, key: str
) -> None:
    posted = [await notifier.prepare(note).send(key, None) for _ in range(2)]

    assert await notifier.prepare(note).find_all(earlier(key)) == posted


async def test_a_message_is_found_behind_pages_of_others(
    notifier: SlackNotifier, servers: Installation, note: Notification, key: str
) -> None:
    posted = await notifier.prepare(note).send(key, None)
    with httpx.Client(base_url=servers.up["simulator"], headers={"authorization": "Bearer xoxb-test"}) as client:
        for number in range(201):
            client.post("/api/chat.postMessage", json={"channel": CHANNEL, "text": f"tide {number}"})

    assert await notifier.prepare(note).find(earlier(key)) == posted


async def test_only_messages_since_the_intent_are_searched(
    notifier: SlackNotifier, note: Notification, key: str
) -> None:
    await notifier.prepare(note).send(key, None)
    long_after = EarlierSend(key, None, datetime.now(UTC) + timedelta(minutes=2))

    assert await notifier.prepare(note).find(long_after) is None


async def test_a_rate_limit_carries_slacks_retry_after(
    notifier: SlackNotifier, servers: Installation, note: Notification, key: str
) -> None:
    fault(servers, note, fault="429", retry_after=7)

    with pytest.raises(NotificationBusy) as busy:
        await notifier.prepare(note).send(key, None)

    assert busy.value.retry_after_seconds == 7


@pytest.mark.parametrize("name", ["billed_500", "cut"])
async def test_a_message_whose_answer_is_lost_is_ambiguous_and_can_be_found(
    notifier: SlackNotifier, servers: Installation, note: Notification, key: str, name: str
) -> None:
    fault(servers, note, fault=name)

    with pytest.raises(Ambiguous):
        await notifier.prepare(note).send(key, None)

    assert await notifier.prepare(note).find(earlier(key)) is not None


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (200, "application/json", b'{"ok": false, "error": "fatal_error"}'),
        (200, "application/json", b'{"ok": false, "error": "internal_error"}'),
        (502, "text/html", b"<html>Bad gateway</html>"),
        (200, "application/json", b"<html>what is this</html>"),
        (200, "text/html", b"<html>a page for people</html>"),
    ],
)
async def test_an_unclear_answer_is_ambiguous(
    note: Notification, key: str, status: int, kind: str, body: bytes
) -> None:
    async with answering(status, kind, body) as notifier:
        with pytest.raises(Ambiguous):
            await notifier.prepare(note).send(key, None)


@pytest.mark.parametrize(("token", "channel"), [("xoxp-person", CHANNEL), ("xoxb-test", "missing")])
async def test_a_wrong_token_or_channel_is_refused_permanently(
    servers: Installation, note: Notification, key: str, token: str, channel: str
) -> None:
    notifier = SlackNotifier(f"{servers.up['simulator']}/api/", token, channel)

    with pytest.raises(NotificationRefused):
        await notifier.prepare(note).send(key, None)


async def test_an_unreachable_slack_is_a_failure_and_not_ambiguous(note: Notification, key: str) -> None:
    notifier = SlackNotifier("http://127.0.0.1:9/api/", "xoxb-test", CHANNEL)

    with pytest.raises(NotificationFailed):
        await notifier.prepare(note).send(key, None)
    with pytest.raises(NotificationFailed):
        await notifier.prepare(note).find(earlier(key))


async def test_the_slack_notifier_has_its_class_and_visibility_lag(notifier: SlackNotifier) -> None:
    assert (notifier.provider_class, notifier.settle_seconds) == (ProviderClass.RETRIEVABLE, 10.0)


async def test_cancelling_a_message_twice_deletes_it_without_an_error(
    notifier: SlackNotifier, servers: Installation, note: Notification, key: str
) -> None:
    stays, goes = [await notifier.prepare(note).send(key, None) for _ in range(2)]

    for _ in range(2):
        await notifier.prepare(note).cancel(goes)

    assert await notifier.prepare(note).find_all(earlier(key)) == [stays]
    assert [line["id"] for line in servers.billing_log(note.title, kind="slack_deleted")] == [goes]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b'{"ok": false, "error": "cant_delete_message"}'),
        (200, b'{"ok": false, "error": "invalid_auth"}'),
        (200, b'{"ok": false, "error": "fatal_error"}'),
        (502, b"<html>Bad gateway</html>"),
    ],
)
async def test_a_failed_deletion_is_retryable(note: Notification, status: int, body: bytes) -> None:
    async with answering(status, "application/json", body) as notifier:
        with pytest.raises(NotificationFailed) as failed:
            await notifier.prepare(note).cancel("1.0")

    assert not failed.value.permanent


async def test_a_rate_limited_deletion_raises_notification_busy(note: Notification) -> None:
    async with answering(429, "application/json", b'{"ok": false, "error": "ratelimited"}') as notifier:
        with pytest.raises(NotificationBusy):
            await notifier.prepare(note).cancel("1.0")


async def test_a_deletion_at_an_unreachable_slack_raises_notification_failed(note: Notification) -> None:
    with pytest.raises(NotificationFailed):
        await SlackNotifier("http://127.0.0.1:9/api/", "xoxb-test", CHANNEL).prepare(note).cancel("1.0")


async def test_a_failure_notice_shows_its_code(
    notifier: SlackNotifier, servers: Installation, note: Notification, key: str
) -> None:
    notice = Notice(kind=NoticeKind.FAILED, number=0, code="document_error")

    message = posted_message(servers, await notifier.prepare(dataclasses.replace(note, notice=notice)).send(key, None))

    assert " failed: " in [part.get("text") for part in shown(message)]
    assert "It failed (document_error)" in message["text"]
