"""The operator's webhook, after Standard Webhooks: the message's id is the effect's key, so receivers can drop repeats.

Only an address from the operator's configuration is used; addresses given by users are not accepted yet.
"""

import json
from datetime import UTC, datetime

import httpx
from standardwebhooks import Webhook

from durable_research.domain.effects import ProviderClass
from durable_research.domain.errors import NotificationFailed, NotificationRefused
from durable_research.ports.notifiers import Delivery, Notification
from durable_research.ports.remote import RemoteEffect

_TIMEOUT_SECONDS = 10.0
_TRY_AGAIN = {408, 409, 425, 429}


class WebhookNotifier:
    """Posts signed JSON; follows no redirect and uses no proxy of the environment."""

    channel = "webhook"
    provider_class = ProviderClass.KEYED

    def __init__(self, url: str, secret: str | None) -> None:
        self._url = url
        self._webhook = Webhook(secret) if secret else None
        self._client = httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, follow_redirects=False, trust_env=False)

    def prepare(self, notification: Notification) -> "WebhookPost":
        """Make the effect."""
        return WebhookPost(self._client, self._url, self._webhook, notification)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()


class WebhookPost(RemoteEffect[Delivery]):
    """One message."""

    def __init__(
        self, client: httpx.AsyncClient, url: str, webhook: Webhook | None, notification: Notification
    ) -> None:
        self._client = client
        self._url = url
        self._webhook = webhook
        self._notification = notification

    async def send(self, key: str, anchor: str | None) -> str:
        """Post it; any answer but a 2xx is a failure, and a 4xx is one for good."""
        message_id = f"msg_{key[:32]}"
        note = self._notification
        data = {"report_id": note.workflow_id, "title": note.title, "status": note.status, "url": note.url}
        body = json.dumps({"type": "report.done", "data": data}, ensure_ascii=False)
        at = datetime.now(UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
        }
        if self._webhook:
            headers["webhook-signature"] = self._webhook.sign(message_id, at, body)
        try:
            answer = await self._client.post(self._url, content=body.encode(), headers=headers)
        except httpx.HTTPError as cause:
            raise NotificationFailed(f"the webhook's receiver did not answer ({type(cause).__name__})") from cause
        if answer.is_success:
            return message_id
        words = f"the webhook's receiver answered HTTP {answer.status_code}"
        if 400 <= answer.status_code < 500 and answer.status_code not in _TRY_AGAIN:
            raise NotificationRefused(words)
        raise NotificationFailed(words)

    async def collect(self, reference: str) -> Delivery:
        """The answer was the receipt."""
        return Delivery(reference)
