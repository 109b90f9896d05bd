"""The operator's webhook: an address from the configuration, possibly an internal one; users' webhooks are in address.py."""

import httpx

from durable_research.adapters.notifiers import standard_webhooks
from durable_research.domain.errors import NotificationFailed
from durable_research.domain.ledger.effects import ProviderClass
from durable_research.ports.vendors.notifiers import Delivery, Notification
from durable_research.ports.vendors.remote import RemoteEffect


class WebhookNotifier:
    """Posts signed JSON; follows no redirect and uses no proxy of the environment."""

    channel = "webhook"
    provider_class = ProviderClass.KEYED
    settle_seconds = 0.0

    def __init__(self, url: str, secret: str | None) -> None:
        self._url = url
        self._secret = secret
        self._client = httpx.AsyncClient(
            timeout=standard_webhooks.TIMEOUT_SECONDS, follow_redirects=False, trust_env=False
        )

    def prepare(self, notification: Notification) -> "WebhookPost":
        return WebhookPost(self._client, self._url, self._secret, notification)

    async def close(self) -> None:
        await self._client.aclose()


class WebhookPost(RemoteEffect[Delivery]):
    """One message."""

    def __init__(self, client: httpx.AsyncClient, url: str, secret: str | None, notification: Notification) -> None:
        self._client = client
        self._url = url
        self._secret = secret
        self._notification = notification

    async def send(self, key: str, handle: str | None) -> str:
        """Post it; any answer but a 2xx is a failure, and a 4xx is a permanent one."""
        message = standard_webhooks.compose(self._notification, key, self._secret)
        try:
            answer = await self._client.post(self._url, content=message.body, headers=message.headers)
        except httpx.HTTPError as cause:
            raise NotificationFailed(f"the webhook's receiver did not answer ({type(cause).__name__})") from cause
        standard_webhooks.check_answer(answer.status_code, answer.headers)
        return message.id

    async def collect(self, reference: str) -> Delivery:
        """Return at once: the answer was the receipt."""
        return Delivery(reference)
