"""The common part of our webhooks, after Standard Webhooks: the message with id and signature, and the meaning of answers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from standardwebhooks import Webhook

from durable_research.domain.errors import NotificationBusy, NotificationFailed, NotificationRefused, RedirectRefused
from durable_research.domain.ledger.retry_after import retry_after_seconds
from durable_research.ports.vendors.notifiers import Notification

TIMEOUT_SECONDS = 10.0
_TRY_AGAIN = {408, 409, 425}


@dataclass(frozen=True)
class Message:
    """One message, ready to be posted."""

    id: str
    body: bytes
    headers: dict[str, str]


def compose(notification: Notification, key: str, secret: str | None) -> Message:
    """Write the message; its id is the effect's key, so receivers can drop repeats."""
    message_id, at = f"msg_{key[:32]}", datetime.now(UTC)
    data = {
        "report_id": notification.workflow_id,
        "title": notification.title,
        "status": notification.status,
        "url": notification.url,
    }
    kind = f"report.{notification.occasion}"
    if notice := notification.notice:
        data |= {"code": notice.code}
    if approval := notification.approval:
        data |= {"before": approval.before, "expires_at": approval.expires_at.isoformat()}
    body = json.dumps({"type": kind, "data": data}, ensure_ascii=False)
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
    }
    if secret:
        headers["webhook-signature"] = Webhook(secret).sign(message_id, at, body)
    return Message(message_id, body.encode(), headers)


def check_answer(status: int, headers: Mapping[str, str]) -> None:
    """Return when the message was accepted.

    Raises:
        NotificationRefused: a permanent failure: 410 and most of 4xx.
        NotificationFailed: a retry may succeed.
    """
    words = f"the webhook's receiver answered HTTP {status}"
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise RedirectRefused(f"{words}; redirects are not followed")
    if status == 429:
        raise NotificationBusy(words, retry_after_seconds(headers, datetime.now(UTC)))
    if 400 <= status < 500 and status not in _TRY_AGAIN:
        raise NotificationRefused(words)
    raise NotificationFailed(words, retry_after_seconds(headers, datetime.now(UTC)))
