"""Requests to users' addresses: connected to the checked IP address, with the name's certificate, never redirected."""

import ipaddress
import ssl
from pathlib import Path

import httpx
import pytest

from durable_research.domain.requests.addresses import AddressRefused, IPAddress
from durable_research.egress.client import PinnedClient, Resolve
from tests.egress.receiver import certificate_for, leading_to, receiver

TO_US = leading_to("127.0.0.1")
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"


async def status_of(url: str, resolve: Resolve = TO_US, tls: ssl.SSLContext | None = None, **more: bool) -> int:
    client = PinnedClient(resolve=resolve, tls=tls, **more)
    async with client.stream("GET", url, headers={"accept": "text/html"}) as answer:
        return answer.status_code


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
async def test_a_name_with_any_private_address_in_its_dns_answer_is_not_called(answers: list[str]) -> None:
    with pytest.raises(AddressRefused) as refused:
        await status_of("https://hooks.example.org/", leading_to(*answers))

    assert refused.value.code == "forbidden_address"


@pytest.mark.parametrize(
    "url", ["http://example.org/", "https://127.0.0.1/", "https://user@example.org/", "file:///etc"]
)
async def test_a_forbidden_address_is_not_resolved(url: str) -> None:
    resolved: list[str] = []

    async def resolve(host: str, port: int) -> list[IPAddress]:
        resolved.append(host)
        return [ipaddress.ip_address("93.184.216.34")]

    with pytest.raises(AddressRefused):
        await status_of(url, resolve)

    assert resolved == []


async def test_the_connection_uses_the_checked_ip_address_and_the_original_host_name(tmp_path: Path) -> None:
    server, trusting = certificate_for("hooks.example.org", tmp_path)
    async with receiver(EMPTY, server) as (port, heads):
        status = await status_of(f"https://hooks.example.org:{port}/hook?a=1", tls=trusting, loopback_too=True)

    assert status == 204
    assert heads[0].startswith(b"GET /hook?a=1 HTTP/1.1\r\n")
    assert f"host: hooks.example.org:{port}".encode() in heads[0].lower()
    assert b"accept: text/html\r\n" in heads[0].lower()


async def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    server, trusting = certificate_for("other.example.org", tmp_path)
    async with receiver(EMPTY, server) as (port, heads):
        with pytest.raises(httpx.ConnectError):
            await status_of(f"https://hooks.example.org:{port}/", tls=trusting, loopback_too=True)

    assert heads == []


async def test_the_name_is_resolved_once() -> None:
    resolved: list[str] = []

    async def resolve(host: str, port: int) -> list[IPAddress]:
        resolved.append(host)
        return [ipaddress.ip_address("127.0.0.1")]

    async with receiver(EMPTY) as (port, heads):
        await status_of(f"http://hooks.example.org:{port}/", resolve, loopback_too=True)

    assert (resolved, len(heads)) == (["hooks.example.org"], 1)


async def test_a_redirect_is_returned_and_not_followed() -> None:
    async with receiver(EMPTY) as (inside, heads_inside):
        redirect = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{inside}/\r\nContent-Length: 0\r\n\r\n"
        async with receiver(redirect.encode()) as (port, _):
            status = await status_of(f"http://hooks.example.org:{port}/", loopback_too=True)

    assert (status, heads_inside) == (302, [])


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async with receiver(EMPTY) as (port, _):
        assert await status_of(f"http://hooks.example.org:{port}/", loopback_too=True) == 204
