"""Webhooks to addresses that users give: whatever the name resolves to is checked, and what was checked is connected to.

A name may resolve to something else the next moment (DNS rebinding), so it is resolved once and the connection goes to the
checked IP address, with the name in SNI, certificate check and Host header.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable

import httpx

from durable_research.adapters.notifiers import standard_webhooks
from durable_research.domain.errors import ForbiddenAddress, NotificationFailed
from durable_research.domain.ledger.effects import ProviderClass
from durable_research.domain.requests.addresses import (
    Address,
    AddressRefused,
    IPAddress,
    check_address,
    may_call,
    secret_for,
)
from durable_research.ports.vendors.notifiers import Delivery, Notification
from durable_research.ports.vendors.remote import RemoteEffect

Resolve = Callable[[str, int], Awaitable[list[IPAddress]]]
# Receivers answer with nothing or a word; more is read to this length, so that one who writes is not cut off, and thrown away.
ANSWER_LONGEST_BYTES = 1_000_000


async def resolve(host: str, port: int) -> list[IPAddress]:
    """All addresses of a name, as the system knows them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # A link-local answer carries its interface behind a %.
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


class AddressNotifier:
    """Posts signed JSON to the address in the notification; `loopback_too` is for tests only."""

    channel = "address"
    provider_class = ProviderClass.KEYED
    settle_seconds = 0.0

    def __init__(
        self,
        secret: str | None,
        *,
        loopback_too: bool = False,
        resolve: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._secret = secret
        self._loopback_too = loopback_too
        self._resolve = resolve
        self._tls = tls or httpx.create_ssl_context(trust_env=False)

    def prepare(self, notification: Notification) -> "AddressPost":
        """Make the effect."""
        return AddressPost(self, notification)

    async def post(self, url: str, message: standard_webhooks.Message) -> None:
        """Deliver one message.

        Raises:
            NotificationFailed: not accepted; NotificationRefused when it never will be.
        """
        try:
            address = check_address(url, loopback_too=self._loopback_too)
            async with asyncio.timeout(standard_webhooks.TIMEOUT_SECONDS):
                where = await self._checked(address)
                await self._exchange(address, where, message)
        except AddressRefused as cause:
            raise ForbiddenAddress(f"the webhook's address is not called: it {cause.detail}") from None
        except (httpx.HTTPError, OSError) as cause:  # a timeout is an OSError too
            raise NotificationFailed(f"the webhook's receiver did not answer ({type(cause).__name__})") from cause

    def secret_of(self, url: str) -> str | None:
        """What signs the messages to this address."""
        return secret_for(self._secret, url) if self._secret else None

    async def _checked(self, address: Address) -> IPAddress:
        found = await self._resolve(address.host, address.port)
        # All of them: one inside among several is how a filter is got around.
        if not found or not all(may_call(one, loopback_too=self._loopback_too) for one in found):
            raise ForbiddenAddress("the webhook's name leads to an address that is not out in the world")
        return found[0]

    async def _exchange(self, address: Address, where: IPAddress, message: standard_webhooks.Message) -> None:
        host = f"[{where}]" if where.version == 6 else str(where)
        # A client for each message: connections are kept by IP address, and two names may share one.
        async with (
            httpx.AsyncClient(verify=self._tls, timeout=None, follow_redirects=False, trust_env=False) as client,  # noqa: S113 - ours is around it
            client.stream(
                "POST",
                f"{address.scheme}://{host}:{address.port}{address.target}",
                content=message.body,
                headers={**message.headers, "host": address.authority},
                extensions={"sni_hostname": address.host},
            ) as answer,
        ):
            standard_webhooks.check_answer(answer.status_code, answer.headers)
            read = 0
            async for piece in answer.aiter_raw():
                read += len(piece)
                if read > ANSWER_LONGEST_BYTES:
                    break


class AddressPost(RemoteEffect[Delivery]):
    """One message."""

    def __init__(self, notifier: AddressNotifier, notification: Notification) -> None:
        self._notifier = notifier
        self._notification = notification

    async def send(self, key: str, handle: str | None) -> str:
        """Post it; any answer but a 2xx is a failure, and a 4xx is one for good."""
        url = self._notification.to
        message = standard_webhooks.compose(self._notification, key, self._notifier.secret_of(url))
        await self._notifier.post(url, message)
        return message.id

    async def collect(self, reference: str) -> Delivery:
        """The answer was the receipt."""
        return Delivery(reference)
