"""Requests to addresses from users: every resolved IP address is checked, and the connection uses a checked one.

A name may resolve to something else the next moment (DNS rebinding), so it is resolved once and the connection goes to the
checked IP address, with the name in SNI, certificate check and Host header. No redirect is followed and no proxy of the
environment is used: either would connect to an unchecked address.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import httpx

from durable_research.domain.errors import ForbiddenAddress
from durable_research.domain.requests.addresses import (
    Address,
    AddressRefused,
    IPAddress,
    check_address,
    may_call,
)

Resolve = Callable[[str, int], Awaitable[list[IPAddress]]]


async def resolve(host: str, port: int) -> list[IPAddress]:
    """All IP addresses of a name, from the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # A link-local answer carries its interface behind a %.
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


class PinnedClient:
    """Connects to the IP address that was checked, and to no other; `loopback_too` is for tests only."""

    def __init__(
        self, *, loopback_too: bool = False, resolve: Resolve = resolve, tls: ssl.SSLContext | None = None
    ) -> None:
        self._loopback_too = loopback_too
        self._resolve = resolve
        self._tls = tls or httpx.create_ssl_context(trust_env=False)

    @asynccontextmanager
    async def stream(
        self, method: str, url: str, *, headers: Mapping[str, str], content: bytes | None = None
    ) -> AsyncIterator[httpx.Response]:
        """Send one request; the context is its answer, with the body unread. The caller sets the time limit.

        Raises:
            AddressRefused: the address is malformed or not public; no connection was made.
            httpx.HTTPError, OSError: the name does not resolve, or the receiver does not answer.
        """
        address = check_address(url, loopback_too=self._loopback_too)
        pinned = await self._checked(address)
        host = f"[{pinned}]" if pinned.version == 6 else str(pinned)
        # A client for each request: connections are pooled by IP address, and two names may share one.
        async with (
            httpx.AsyncClient(verify=self._tls, timeout=None, follow_redirects=False, trust_env=False) as client,  # noqa: S113 - the caller's is around it
            client.stream(
                method,
                f"{address.scheme}://{host}:{address.port}{address.target}",
                content=content,
                headers={**headers, "host": address.authority},
                extensions={"sni_hostname": address.host},
            ) as answer,
        ):
            yield answer

    async def _checked(self, address: Address) -> IPAddress:
        found = await self._resolve(address.host, address.port)
        # All of them: one internal address among public ones could bypass the check.
        if not found or not all(may_call(one, loopback_too=self._loopback_too) for one in found):
            raise AddressRefused(ForbiddenAddress.code, "its name leads to an address that is not out in the world")
        return found[0]
