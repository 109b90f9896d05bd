"""One provider over HTTP: no retries, no redirects, and every error comes from the table of outcomes.

`request` is for a request that costs nothing; `open` is for a paid one, whose body is read as it comes, by deadlines.
Each request has a connection of its own: the server may just have closed a reused one, which would look like an unresolved
send.
"""

import asyncio
import contextlib
import functools
import json
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from durable_research.adapters.models.http.error_bodies import complaint_in
from durable_research.adapters.models.http.outcomes import (
    CONNECTION_ERRORS,
    CallContext,
    of_answer,
    of_lost,
    of_prose,
    refused_fields,
)
from durable_research.adapters.models.json.events import parsed
from durable_research.adapters.models.server_limits import ServerLimits
from durable_research.domain.errors import StepFailed, StillRunning
from durable_research.domain.model_errors import FieldRefused, ModelUnavailable, ProviderSilent
from durable_research.ports.vendors.models import CallDeadlines

_CONNECT_SECONDS = 5.0
# Name, connection, a proxy's tunnel and TLS together.
_BEGIN_SECONDS = 20.0
# One short request about something that exists already, or an error's body.
_REQUEST_SECONDS = 10.0
_LONGEST_ERROR_BYTES = 64 * 1024

# The fields of a request's body that hold a person's text.
_PROMPTS = ("messages", "instructions", "input")

# The events of the transport: from the first on, part of the request may have reached the server.
_BEGUN, _WRITTEN = "http11.send_request_headers.started", "http11.send_request_body.complete"


@dataclass(frozen=True)
class Reply:
    """The answer to a request that costs nothing: a value, or the failure that it means; a page in a 2xx is a failure too."""

    status: int
    value: Any = None
    failure: StepFailed | StillRunning | None = None

    def checked(self) -> Any:
        """Return the value.

        Raises:
            StepFailed, StillRunning: the server refuses the request, or answers something else.
        """
        if self.failure:
            raise self.failure
        return self.value


@dataclass
class Wire:
    """Sends requests; `context` holds the names for the message of a refusal, and the key that it must not show."""

    base_url: str
    api_key: str
    context: CallContext
    limits: ServerLimits = field(default_factory=ServerLimits)

    def __post_init__(self) -> None:
        self.context = replace(self.context, api_key=self.api_key)
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            follow_redirects=False,
            verify=_trusted(),
        )

    async def request(
        self, method: str, path: str, *, body: Mapping[str, Any] | None = None, query: Mapping[str, str] | None = None
    ) -> Reply:
        """Send a request that costs nothing.

        Raises:
            ModelUnavailable: no readable answer came: retry later.
        """
        context = replace(self.context, is_free=True)
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                request = self._request(method, path, body, query, {})
                response = await self._client.send(request)
        except TimeoutError as cause:
            raise ModelUnavailable(f"the provider did not answer within {_REQUEST_SECONDS:g} s") from cause
        except CONNECTION_ERRORS as cause:
            raise of_lost(cause, context, is_written=True) from cause
        if response.is_success:
            try:
                return Reply(response.status_code, parsed(response.content.decode("utf-8", "replace")))
            except (ValueError, RecursionError):
                return Reply(response.status_code, failure=of_prose(context))
        failure = of_answer(response.status_code, response.headers, response.content, context)
        if isinstance(failure, ModelUnavailable):
            raise failure
        return Reply(response.status_code, failure=failure)

    async def open(
        self,
        method: str,
        path: str,
        deadlines: CallDeadlines,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        optional: frozenset[str] = frozenset(),
        has_handle: bool = False,
    ) -> "Exchange":
        """Send, and return the answer before its body is read; a refused field is left out from then on.

        Raises:
            StepFailed, StillRunning: according to the table of outcomes.
        """
        fields = optional & frozenset(body or ())
        sent = "\n".join(_texts([(body or {}).get(name) for name in _PROMPTS]))
        context = replace(self.context, optional_fields=fields, has_handle=has_handle, sent=sent)
        exchange = Exchange(context, deadlines)
        try:
            request = self._request(method, path, body, query, headers or {})
            await exchange.begin(self._client, request)
        except CONNECTION_ERRORS as cause:
            raise of_lost(cause, context, is_written=exchange.is_begun) from cause
        if not exchange.response.is_success:
            failure = await exchange.failure()
            if isinstance(failure, FieldRefused):
                failure.retry_after_seconds = 0.0
                self.limits.left_out |= refused_fields(complaint_in(exchange.error_body), fields)
            raise failure
        return exchange

    def _request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str] | None,
        headers: Mapping[str, str],
    ) -> httpx.Request:
        base = httpx.URL(self.base_url)
        return self._client.build_request(
            method,
            base.copy_with(path=base.path.rstrip("/") + path).copy_merge_params(query or {}),
            content=None if body is None else _encoded(body),
            headers={
                b"authorization": f"Bearer {self.api_key}".encode(),
                b"content-type": b"application/json",
                # Compressed events come late and in batches.
                b"accept-encoding": b"identity",
                **{name.encode(): value.encode() for name, value in headers.items()},
            },
        )

    async def close(self) -> None:
        await self._client.aclose()


class Exchange:
    """One request and the body of its answer, which ends by silence, by its longest time, or by itself."""

    response: httpx.Response
    error_body: bytes = b""

    def __init__(self, context: CallContext, deadlines: CallDeadlines) -> None:
        self.context = context
        self.is_begun = False
        self._deadlines = deadlines
        self._now = asyncio.get_running_loop().time
        self._ends_at = self._now() + deadlines.longest
        self._next_byte_by = self._ends_at
        self._allowed_silence = deadlines.first_byte
        self._chunks: AsyncIterator[bytes] | None = None

    async def begin(self, client: httpx.AsyncClient, request: httpx.Request) -> None:
        """Write the request and wait for the head of its answer."""
        # A proxy that accepts the connection and stays silent must not hold the call for its longest time.
        limit = asyncio.timeout_at(min(self._ends_at, self._now() + _BEGIN_SECONDS))

        async def trace(event: str, info: Mapping[str, Any]) -> None:
            # A proxy's tunnel gives the same event; the request itself has not begun by then.
            if event == _BEGUN and info["request"].method != b"CONNECT":
                self.is_begun = True
                with contextlib.suppress(RuntimeError):
                    limit.reschedule(self._ends_at)
            if event == _WRITTEN and self.is_begun:
                self._wait_for(self._deadlines.first_byte)
                with contextlib.suppress(RuntimeError):  # the limit has just expired
                    limit.reschedule(self._next_byte_by)

        request.extensions["trace"] = trace
        try:
            async with limit:
                self.response = await client.send(request, stream=True)
        except TimeoutError as cause:
            raise self._silent() from cause
        self._chunks = self.response.aiter_bytes()

    async def read(self) -> bytes | None:
        """Read the next bytes of the body; None at its end.

        Raises:
            ProviderSilent: nothing came for too long.
            Ambiguous: the connection was lost.
        """
        if self._chunks is None:
            return None
        try:
            async with asyncio.timeout_at(self._next_byte_by):
                data = await anext(self._chunks, None)
        except TimeoutError as cause:
            raise self._silent() from cause
        except CONNECTION_ERRORS as cause:
            raise of_lost(cause, self.context, is_written=True) from cause
        self._wait_for(self._deadlines.silence)
        return data

    def shorten(self, seconds: float) -> None:
        """Wait no longer than this for the rest of the body."""
        self._deadlines = replace(self._deadlines, silence=min(seconds, self._deadlines.silence))
        self._ends_at = min(self._ends_at, self._now() + seconds)
        self._wait_for(self._deadlines.silence)

    async def failure(self) -> StepFailed | StillRunning:
        """Classify an answer that is no 2xx, by the part of its body that can be read."""
        parts: list[bytes] = []
        with contextlib.suppress(TimeoutError, *CONNECTION_ERRORS):
            async with asyncio.timeout(_REQUEST_SECONDS):
                while self._chunks and sum(map(len, parts)) < _LONGEST_ERROR_BYTES:
                    if (data := await anext(self._chunks, None)) is None:
                        break
                    parts.append(data)
        await self.close()
        self.error_body = b"".join(parts)
        return of_answer(self.response.status_code, self.response.headers, self.error_body, self.context)

    async def close(self) -> None:
        """Close the connection, whether or not the answer has ended."""
        chunks, self._chunks = self._chunks, None
        if chunks is not None:
            with contextlib.suppress(*CONNECTION_ERRORS):
                await self.response.aclose()

    def _wait_for(self, seconds: float) -> None:
        self._allowed_silence = seconds
        self._next_byte_by = min(self._ends_at, self._now() + seconds)

    def _silent(self) -> StepFailed:
        if not self.is_begun:
            return ModelUnavailable("the provider could not be reached in time; nothing was sent")
        if self._now() >= self._ends_at:
            return ProviderSilent(f"the call was given up after {self._deadlines.longest:g} s")
        return ProviderSilent(f"no byte of an answer came for {self._allowed_silence:g} s")


def _encoded(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Load the trusted certificates; that takes longer than a call on an open connection."""
    return httpx.create_ssl_context()


def _texts(value: Any) -> Iterator[str]:
    """Iterate over every text in a request's body."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
