"""Slack: it has no idempotency keys, but the message carries our key as metadata and can be found again (class R).

A duplicate or compensated message is deleted.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from durable_research.domain.errors import (
    Ambiguous,
    NotificationBusy,
    NotificationFailed,
    NotificationRefused,
    NotificationUnavailable,
    StepFailed,
)
from durable_research.domain.ledger.effects import ProviderClass
from durable_research.domain.ledger.retry_after import retry_after_seconds
from durable_research.domain.requests.notice import NoticeKind
from durable_research.ports.vendors.notifiers import Delivery, Notification
from durable_research.ports.vendors.remote import KEY_TAG, EarlierSend, RemoteEffect, Shown, own_and_foreign

EVENT_TYPE = "durable_research_report"
_TIMEOUT_SECONDS = 10
_PAGE = 200
# Slack's clock and ours may differ.
_BEFORE = timedelta(seconds=60)
# Source: docs.slack.dev, errors of chat.postMessage: with these "some aspect of the operation" may have succeeded.
_PERHAPS_DONE = frozenset(
    {"fatal_error", "internal_error", "request_timeout", "service_unavailable", "team_added_to_org"}
)
# Source: docs.slack.dev, errors of chat.delete.
_GONE = "message_not_found"
_BUSY = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})


class SlackNotifier:
    """Posts to one channel, named by its id (C…): names can be posted to but not searched."""

    channel = "slack"
    provider_class = ProviderClass.RETRIEVABLE

    def __init__(self, url: str, token: str, channel_id: str, *, settle_seconds: float = 10.0) -> None:
        # No retry handlers: Temporal alone retries.
        self._client = AsyncWebClient(token, base_url=url, timeout=_TIMEOUT_SECONDS, retry_handlers=[])
        # By default the client uses a proxy from the environment; our connections are configured in one place.
        self._client.proxy = None
        self._channel_id = channel_id
        self.settle_seconds = settle_seconds

    def prepare(self, notification: Notification) -> "SlackMessage":
        return SlackMessage(self._client, self._channel_id, notification)


class SlackMessage(RemoteEffect[Delivery]):
    """One message; its id is Slack's `ts`."""

    def __init__(self, client: AsyncWebClient, channel_id: str, notification: Notification) -> None:
        self._client = client
        self._channel_id = channel_id
        self._notification = notification

    async def send(self, key: str, handle: str | None) -> str:
        """Post it, tagged with our key."""
        try:
            answer = await self._client.chat_postMessage(
                channel=self._channel_id,
                text=_text(self._notification),
                blocks=_blocks(self._notification),
                mrkdwn=False,
                metadata={"event_type": EVENT_TYPE, "event_payload": {KEY_TAG: key}},
                unfurl_links=False,
                unfurl_media=False,
            )
        except SlackApiError as cause:
            raise _translated(cause) from cause
        except aiohttp.ClientConnectorError as cause:
            raise NotificationUnavailable("slack cannot be reached; nothing was sent") from cause
        except (TimeoutError, aiohttp.ClientError, OSError, json.JSONDecodeError) as cause:
            raise Ambiguous("slack did not say whether it took the message") from cause
        return str(answer["ts"])

    async def find(self, send: EarlierSend) -> str | None:
        """Find the `ts` of the first message with our key."""
        return next(iter(await self.find_all(send)), None)

    async def find_all(self, send: EarlierSend) -> list[str]:
        """List the `ts` of every message with our key, oldest first."""
        oldest = (send.opened_at - _BEFORE).timestamp()
        shown: list[Shown] = []
        cursor: str | None = None
        with _look_up_errors("slack could not be asked for an earlier message"):
            while True:
                page = await self._client.conversations_history(
                    channel=self._channel_id,
                    oldest=f"{oldest:.6f}",
                    include_all_metadata=True,
                    limit=_PAGE,
                    cursor=cursor,
                )
                shown += [Shown(str(one["ts"]), _key(one)) for one in page["messages"]]
                cursor = (page.get("response_metadata") or {}).get("next_cursor")
                if not cursor:
                    break
        # The channel's other messages are not logged as foreign: the request is not limited to our messages.
        own, _ = own_and_foreign(shown, send.key, None)
        return sorted(own, key=float)

    async def collect(self, reference: str) -> Delivery:
        """Return at once: posted is delivered."""
        return Delivery(reference)

    async def cancel(self, reference: str) -> None:
        """Delete the message; a missing one is no error.

        Raises:
            NotificationFailed: it may still be there. Never permanent: Slack's administrator can still allow us to delete it.
        """
        try:
            with _look_up_errors("slack did not say whether it deleted the message"):
                await self._delete(reference)
        except NotificationRefused as refused:
            raise NotificationFailed(str(refused)) from refused

    async def _delete(self, reference: str) -> None:
        try:
            await self._client.chat_delete(channel=self._channel_id, ts=reference)
        except SlackApiError as error:
            if _code(error) != _GONE:
                raise


@contextmanager
def _look_up_errors(silent: str) -> Iterator[None]:
    """Translate the errors of a request that is safe to retry; `silent` is the message when no answer came."""
    try:
        yield
    except SlackApiError as cause:
        failed = _translated(cause)
        raise NotificationUnavailable(str(failed)) if isinstance(failed, Ambiguous) else failed from cause
    except (TimeoutError, aiohttp.ClientError, OSError, json.JSONDecodeError) as cause:
        raise NotificationUnavailable(silent) from cause


def _blocks(note: Notification) -> list[dict[str, Any]]:
    """Write the message as rich text, which has no markup: stars or brackets in a title stay as written."""
    state, verb, more = _words(note)
    elements: list[dict[str, Any]] = [
        {"type": "text", "text": _one_line(note.title), "style": {"bold": True}},
        {"type": "text", "text": f" {state}: "},
        {"type": "link", "url": note.url, "text": verb},
    ]
    if more:
        elements.append({"type": "text", "text": f". {more}"})
    return [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}]


def _text(note: Notification) -> str:
    """Write the same for clients without blocks, such as a phone's notification; it is sent without markup, too."""
    state, _, more = _words(note)
    return _escaped(f"{_one_line(note.title)} {state}: {note.url}" + (f" {more}" if more else ""))


def _words(note: Notification) -> tuple[str, str, str]:
    """Choose the words for the state, the link, and any further detail."""
    if approval := note.approval:
        waits = "still waits for you" if approval.is_reminder else "waits for you"
        return waits, "decide", f"{approval.words[:1].upper()}{approval.words[1:]}."
    if notice := note.notice:
        more = f"{notice.words[:1].upper()}{notice.words[1:]}."
        is_failed = notice.kind is NoticeKind.FAILED
        return ("failed", "see what can be done", more) if is_failed else ("waits for you", "decide", more)
    return "is ready", "open it", ""


def _one_line(title: str) -> str:
    return " ".join(title.split())


def _escaped(text: str) -> str:
    # Source: docs.slack.dev, "Escaping text": these three begin commands, also where `mrkdwn` is off.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _key(message: dict[str, Any]) -> str | None:
    metadata = message.get("metadata") or {}
    key = (metadata.get("event_payload") or {}).get(KEY_TAG)
    return key if metadata.get("event_type") == EVENT_TYPE else None


def _code(error: SlackApiError) -> str | None:
    data = getattr(error.response, "data", None)
    return data.get("error") if isinstance(data, dict) else None


def _translated(error: SlackApiError) -> StepFailed:
    response: Any = error.response
    status = getattr(response, "status_code", None) or getattr(response, "status", None)
    code = _code(error)
    words = f"slack answered {code or 'nothing that can be read'} (HTTP {status})"
    if status == 429 or code in _BUSY:
        headers = {name.lower(): value for name, value in getattr(response, "headers", {}).items()}
        return NotificationBusy(words, retry_after_seconds(headers, datetime.now(UTC)))
    if code is None or code in _PERHAPS_DONE or (isinstance(status, int) and status >= 500):
        return Ambiguous(words)
    return NotificationRefused(words)
