"""Webhooks to users' addresses."""

import asyncio

import httpx

from durable_research.adapters.notifiers import standard_webhooks
from durable_research.domain.errors import ForbiddenAddress, NotificationFailed
from durable_research.domain.ledger.effects import ProviderClass
from durable_research.domain.requests.addresses import AddressRefused, secret_for
from durable_research.egress.client import PinnedClient
from durable_research.ports.vendors.notifiers import Delivery, Notification
from durable_research.ports.vendors.remote import RemoteEffect

# Receivers answer with nothing or a word; a longer answer is read to this length, so as not to cut off the receiver, and
# discarded.
ANSWER_LONGEST_BYTES = 1_000_000


class AddressNotifier:
    """Posts signed JSON to the address in the notification."""

    channel = "address"
    provider_class = ProviderClass.KEYED
    settle_seconds = 0.0

    def __init__(self, secret: str | None, client: PinnedClient) -> None:
        self._secret = secret
        self._client = client

    def prepare(self, notification: Notification) -> "AddressPost":
        return AddressPost(self, notification)

    async def post(self, url: str, message: standard_webhooks.Message) -> None:
        """Deliver one message.

        Raises:
            NotificationFailed: not accepted; NotificationRefused when it never will be.
        """
        try:
            async with (
                asyncio.timeout(standard_webhooks.TIMEOUT_SECONDS),
                self._client.stream("POST", url, headers=message.headers, content=message.body) as answer,
            ):
                standard_webhooks.check_answer(answer.status_code, answer.headers)
                await _drain(answer)
        except AddressRefused as cause:
            raise ForbiddenAddress(f"the webhook's address is not called ({cause.detail})") from None
        except (httpx.HTTPError, OSError) as cause:  # a timeout is an OSError too
            raise NotificationFailed(f"the webhook's receiver did not answer ({type(cause).__name__})") from cause

    def secret_of(self, url: str) -> str | None:
        """Return the secret that signs the messages to this address."""
        return secret_for(self._secret, url) if self._secret else None


async def _drain(answer: httpx.Response) -> None:
    read = 0
    async for piece in answer.aiter_raw():
        read += len(piece)
        if read > ANSWER_LONGEST_BYTES:
            return


class AddressPost(RemoteEffect[Delivery]):
    """One message."""

    def __init__(self, notifier: AddressNotifier, notification: Notification) -> None:
        self._notifier = notifier
        self._notification = notification

    async def send(self, key: str, handle: str | None) -> str:
        """Post it; any answer but a 2xx is a failure, and a 4xx is a permanent one."""
        url = self._notification.to
        message = standard_webhooks.compose(self._notification, key, self._notifier.secret_of(url))
        await self._notifier.post(url, message)
        return message.id

    async def collect(self, reference: str) -> Delivery:
        """Return at once: the answer was the receipt."""
        return Delivery(reference)
