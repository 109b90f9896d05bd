"""Webhooks to users' addresses: connected to what was checked, under the name's certificate, and never led elsewhere."""

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks import Webhook

from durable_research.adapters.notifiers.address import AddressNotifier, Resolve
from durable_research.domain.errors import (
    ForbiddenAddress,
    NotificationBusy,
    NotificationFailed,
    NotificationRefused,
    RedirectRefused,
)
from durable_research.domain.requests.addresses import IPAddress, secret_for
from durable_research.ports.vendors.notifiers import Notification
from tests.installation import Installation

SECRET = "whsec_" + "c2VjcmV0" * 6
KEY = "f" * 64
HERE: IPAddress = ipaddress.ip_address("127.0.0.1")


def note(url: str, title: str = "Tides") -> Notification:
    return Notification("a-users-report", title, "done", "http://127.0.0.1/reports/a", to=url)


def leading_to(*addresses: str) -> Resolve:
    async def resolve(host: str, port: int) -> list[IPAddress]:
        return [ipaddress.ip_address(one) for one in addresses]

    return resolve


async def deliver(url: str, resolve: Resolve | None = None, **options: Any) -> str:
    if resolve:
        options["resolve"] = resolve
    return await AddressNotifier(SECRET, **options).prepare(note(url)).send(KEY, None)


@asynccontextmanager
async def receiver(answer: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A receiver that answers with these bytes; gives its port and the heads of the requests it got."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1], heads
    finally:
        server.close()


def certificate_for(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The contexts of a server that is `name`, and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cadata=certificate.public_bytes(serialization.Encoding.PEM).decode())


async def test_a_message_arrives_signed_with_a_secret_of_the_address(servers: Installation) -> None:
    url = f"{servers.up['simulator']}/sink/webhook/user"
    reference = await deliver(url, loopback_too=True)

    got = next(one for one in httpx.get(f"{servers.up['simulator']}/sink/webhook").json() if one["key"] == reference)
    Webhook(secret_for(SECRET, url)).verify(got["body"], got["headers"])


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"],
        ["10.0.0.7"],
        ["93.184.216.34", "169.254.169.254"],
        ["::1"],
        ["::ffff:10.0.0.1"],
        ["64:ff9b::a00:1"],
        [],
    ],
)
async def test_a_name_that_leads_inside_by_any_of_its_answers_is_not_called(answers: list[str]) -> None:
    with pytest.raises(ForbiddenAddress):
        await deliver("https://hooks.example.org/", leading_to(*answers))


async def test_an_address_kept_before_the_rules_is_judged_again_at_delivery() -> None:
    with pytest.raises(ForbiddenAddress):
        await deliver("http://127.0.0.1:7233/")


async def test_the_connection_goes_to_what_was_checked_under_the_name(tmp_path: Path) -> None:
    server, client = certificate_for("hooks.example.org", tmp_path)
    async with receiver(b"HTTP/1.1 204 No Content\r\n\r\n", server) as (port, heads):
        await deliver(
            f"https://hooks.example.org:{port}/hook?a=1", leading_to("127.0.0.1"), loopback_too=True, tls=client
        )

    assert heads[0].startswith(b"POST /hook?a=1 HTTP/1.1\r\n")
    assert f"host: hooks.example.org:{port}".encode() in heads[0].lower()


async def test_a_certificate_of_another_name_is_not_accepted(tmp_path: Path) -> None:
    server, client = certificate_for("other.example.org", tmp_path)
    async with receiver(b"HTTP/1.1 204 No Content\r\n\r\n", server) as (port, heads):
        with pytest.raises(NotificationFailed):
            await deliver(f"https://hooks.example.org:{port}/", leading_to("127.0.0.1"), loopback_too=True, tls=client)

    assert heads == []


async def test_the_name_is_resolved_once(servers: Installation) -> None:
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[IPAddress]:
        asked.append(host)
        return [HERE]

    port = servers.up["simulator"].rpartition(":")[2]
    await deliver(f"http://hooks.example.org:{port}/sink/webhook", resolve, loopback_too=True)

    assert asked == ["hooks.example.org"]


async def test_a_redirect_is_a_failure_of_its_own_and_not_followed(servers: Installation) -> None:
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
async def test_what_an_answer_means(status: str, error: type[Exception]) -> None:
    async with receiver(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\nRetry-After: 5\r\n\r\n".encode()) as (port, _):
        with pytest.raises(NotificationFailed) as failure:
            await deliver(f"http://127.0.0.1:{port}/", loopback_too=True)

    assert type(failure.value) is error
    assert failure.value.retry_after_seconds == (5 if status in {"429", "503"} else None)


async def test_an_endless_answer_is_read_only_so_far() -> None:
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


async def test_a_proxy_of_the_environment_is_not_used(servers: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert await deliver(f"{servers.up['simulator']}/sink/webhook", loopback_too=True)


async def test_a_name_that_does_not_resolve_may_do_so_later() -> None:
    async def resolve(host: str, port: int) -> list[IPAddress]:
        raise OSError("no such name")

    with pytest.raises(NotificationFailed) as failure:
        await deliver("https://hooks.example.org/", resolve)

    assert not failure.value.permanent
