"""Webhooks to users' addresses: signed, sent only to public addresses, each answer mapped to its outcome."""

import asyncio

import httpx
import pytest
from standardwebhooks import Webhook

from durable_research.adapters.notifiers.address import AddressNotifier
from durable_research.domain.errors import (
    ForbiddenAddress,
    NotificationBusy,
    NotificationFailed,
    NotificationRefused,
    RedirectRefused,
)
from durable_research.domain.requests.addresses import IPAddress, secret_for
from durable_research.egress.client import PinnedClient, Resolve, resolve
from durable_research.ports.vendors.notifiers import Notification
from tests.egress.receiver import leading_to, receiver
from tests.installation import Installation

SECRET = "whsec_" + "c2VjcmV0" * 6
KEY = "f" * 64


def note(url: str, title: str = "Tides") -> Notification:
    return Notification("a-users-report", title, "done", "http://127.0.0.1/reports/a", to=url)


async def deliver(url: str, resolve: Resolve = resolve, *, loopback_too: bool = False) -> str:
    client = PinnedClient(loopback_too=loopback_too, resolve=resolve)
    return await AddressNotifier(SECRET, client).prepare(note(url)).send(KEY, None)


async def test_a_message_is_signed_with_the_secret_of_its_address(servers: Installation) -> None:
    url = f"{servers.up['simulator']}/sink/webhook/user"
    reference = await deliver(url, loopback_too=True)

    got = next(one for one in httpx.get(f"{servers.up['simulator']}/sink/webhook").json() if one["key"] == reference)
    Webhook(secret_for(SECRET, url)).verify(got["body"], got["headers"])


async def test_a_name_that_resolves_to_a_private_address_is_not_called() -> None:
    with pytest.raises(ForbiddenAddress, match="its name leads to an address"):
        await deliver("https://hooks.example.org/", leading_to("93.184.216.34", "10.0.0.7"))


async def test_a_stored_address_is_checked_again_at_delivery() -> None:
    with pytest.raises(ForbiddenAddress):
        await deliver("http://127.0.0.1:7233/")


async def test_a_redirect_is_a_distinct_failure_and_not_followed(servers: Installation) -> None:
    async with receiver(b"", None) as (inside, heads_inside):
        answer = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{inside}/\r\nContent-Length: 0\r\n\r\n".encode()
        async with receiver(answer) as (port, _):
            with pytest.raises(RedirectRefused) as refused:
                await deliver(f"http://127.0.0.1:{port}/", loopback_too=True)

    assert (refused.value.code, refused.value.permanent, heads_inside) == ("redirect_refused", False, [])


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("410", NotificationRefused),
        ("404", NotificationRefused),
        ("429", NotificationBusy),
        ("503", NotificationFailed),
    ],
)
async def test_each_status_of_the_receiver_is_mapped_to_its_error(status: str, error: type[Exception]) -> None:
    async with receiver(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\nRetry-After: 5\r\n\r\n".encode()) as (port, _):
        with pytest.raises(NotificationFailed) as failure:
            await deliver(f"http://127.0.0.1:{port}/", loopback_too=True)

    assert type(failure.value) is error
    assert failure.value.retry_after_seconds == (5 if status in {"429", "503"} else None)


async def test_an_endless_answer_is_read_up_to_a_limit() -> None:
    sent = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()
                sent += 65_536
        except ConnectionError:
            gone.set()

    gone = asyncio.Event()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    await deliver(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", loopback_too=True)

    await asyncio.wait_for(gone.wait(), 10)
    server.close()
    assert sent < 20_000_000


async def test_a_name_that_does_not_resolve_is_a_transient_failure() -> None:
    async def resolve(host: str, port: int) -> list[IPAddress]:
        raise OSError("no such name")

    with pytest.raises(NotificationFailed) as failure:
        await deliver("https://hooks.example.org/", resolve)

    assert not failure.value.permanent
