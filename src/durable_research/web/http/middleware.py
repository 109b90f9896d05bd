"""The middleware: checks of host, sizes and the body's limit for every request, and headers for every answer.

An ASGI layer of its own, because these apply before any routing, and to answers that no handler makes.
"""

import asyncio
import ipaddress
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from durable_research.telemetry import logs
from durable_research.web.http.problems import MEDIA_TYPE, NOT_FOUND, Problem, body_of

LONGEST_URL_BYTES = 4 * 1024
LARGEST_HEADERS_BYTES = 16 * 1024
# The longest prompt must fit however it is spelled: 20,000 characters, each of which may be four code points before it is
# normalised, or two halves of a pair, each written as \uXXXX or percent-encoded. So must a report that a person edited: nine
# bytes for each Chinese character in a form.
LARGEST_BODY_BYTES = 1024 * 1024
_BODY_SECONDS = 15.0
# A client that reads nothing for this long counts as gone; its connection would hold a LISTEN for no reader.
_STALLED_SECONDS = 45.0
# After a refusal, the rest of the request is read and dropped for a moment: closing at once would reset the
# connection, and the sender might never see the answer.
_LINGER_SECONDS = 0.5
_LINGER_BYTES = 1024 * 1024
ABORT = "durable_research.abort"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?", re.ASCII)
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; frame-ancestors {ancestors}; base-uri 'none'; form-action 'self'; object-src 'none'"
)


def host_name(header: str) -> str | None:
    """The name in a Host header, without its port; None when it is malformed."""
    match = _HOST.fullmatch(header.lower())
    return match[1].strip("[]").removesuffix(".") if match else None


class Middleware:
    """Wraps the application. `public_url` names the one host that is valid besides this machine's own names."""

    def __init__(self, inner: App, public_url: str | None) -> None:
        self._inner = inner
        self._public_host = urlsplit(public_url).hostname if public_url else None

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it to the application."""
        if scope["type"] != "http":
            return await self._inner(scope, receive, send)
        scope["request_id"] = secrets.token_hex(8)
        with logs.context(request_id=scope["request_id"]):
            return await self._answer(scope, receive, _Outgoing(scope, send))

    async def _answer(self, scope: Any, receive: Receive, outgoing: Send) -> None:
        try:
            self._check_host(scope)
            _check_sizes(scope)
            body = await _read_body(receive)
        except Problem as problem:
            return await _refuse(problem, scope, receive, outgoing)
        except _ClientDisconnected:
            return None
        return await self._inner(scope, _replay(body, receive), outgoing)

    def _check_host(self, scope: Any) -> None:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        name = host_name(hosts[0].decode("latin-1")) if len(hosts) == 1 else None
        if name is None or not (name == self._public_host or is_this_machine(name)):
            raise Problem(400, "invalid_host", "the Host header names none of this server's hosts")


def is_this_machine(name: str) -> bool:
    """Whether a host's name is a loopback one."""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _check_sizes(scope: Any) -> None:
    declared = [value for name, value in scope["headers"] if name == b"content-length"]
    # The server has checked that it is one number; a test may call the application with any value.
    if any(not value.isdigit() or len(value) > 18 or int(value) > LARGEST_BODY_BYTES for value in declared):
        raise _too_large()
    if len(scope["raw_path"]) + len(scope["query_string"]) > LONGEST_URL_BYTES:
        raise Problem(414, "uri_too_long", f"the address is longer than {LONGEST_URL_BYTES} bytes")
    if sum(len(name) + len(value) + 4 for name, value in scope["headers"]) > LARGEST_HEADERS_BYTES:
        raise Problem(431, "headers_too_large", f"the headers are larger than {LARGEST_HEADERS_BYTES} bytes")
    if scope["path"].startswith("//"):
        # The framework would route it as the address with one slash, which has other rules.
        raise Problem(404, "not_found", NOT_FOUND)
    if not (scope["query_string"].isascii() and scope["raw_path"].isascii()):
        raise Problem(400, "malformed_address", "the address holds bytes that must be percent-encoded")


def _too_large() -> Problem:
    detail = f"the body is larger than {LARGEST_BODY_BYTES} bytes"
    return Problem(413, "body_too_large", detail, headers={"Connection": "close"})


class _ClientDisconnected(Exception):
    """The client left while it was still sending."""


async def _read_body(receive: Receive) -> bytes:
    """Read the whole body, never more than its limit and one network chunk."""
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _ClientDisconnected
                body += message.get("body", b"")
                if len(body) > LARGEST_BODY_BYTES:
                    raise _too_large()
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        headers = {"Connection": "close"}
        raise Problem(408, "request_timeout", "the body did not arrive in time", headers=headers) from None


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return waiting.pop() if waiting else await receive()

    return next_message


async def _refuse(problem: Problem, scope: Any, receive: Receive, send: Send) -> None:
    content = body_of(problem, scope["path"], scope["request_id"])
    headers = {"Content-Type": MEDIA_TYPE, "Content-Length": str(len(content))} | problem.headers
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": encoded})
    closing = problem.headers.get("Connection") == "close"
    await send({"type": "http.response.body", "body": content, "more_body": closing})
    if closing:
        await _linger(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _linger(receive: Receive) -> None:
    remaining = _LINGER_BYTES
    message: Message = {"more_body": True}
    try:
        async with asyncio.timeout(_LINGER_SECONDS):
            while message.get("more_body", False) and remaining > 0:
                message = await receive()
                remaining -= len(message.get("body", b""))
    except TimeoutError:
        return


class _Outgoing:
    """Sends the answer: adds the common headers, and disconnects a client that reads nothing."""

    def __init__(self, scope: Any, send: Send) -> None:
        self._scope = scope
        self._send = send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = self._complete(list(message["headers"]))
        try:
            async with asyncio.timeout(_STALLED_SECONDS):
                await self._send(message)
        except TimeoutError:
            abort = (self._scope.get("extensions") or {}).get(ABORT)
            if abort:
                abort()
            raise

    def _complete(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        existing = {name.lower(): value for name, value in headers}
        # A PDF may be embedded in our own pages; nothing else may be embedded in any page.
        is_pdf = existing.get(b"content-type", b"").startswith(b"application/pdf")
        always = {
            b"x-request-id": self._scope["request_id"].encode(),
            b"content-security-policy": _POLICY.format(ancestors="'self'" if is_pdf else "'none'").encode(),
            b"x-content-type-options": b"nosniff",
            b"referrer-policy": b"no-referrer",
            b"cross-origin-opener-policy": b"same-origin",
            b"cache-control": b"no-store",
        }
        return headers + [(name, value) for name, value in always.items() if name not in existing]
