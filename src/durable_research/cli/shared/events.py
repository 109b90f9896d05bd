"""Follows a workflow by Server-Sent Events, through lost connections and restarts of the API."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from durable_research.cli.shared.client import CONNECT_SECONDS, Api
from durable_research.cli.shared.command import Exit, stop
from durable_research.cli.shared.terminal import say
from durable_research.event_parser import EventParser, Message

if TYPE_CHECKING:
    import httpx

# The server sends a comment every 15 s: after three missed ones the connection is dead.
_STREAM_TIMEOUT_SECONDS = 45.0
_PATIENCE_SECONDS = 300.0
_FINAL_EVENTS = frozenset({"closed", "stored_later"})
_RESUMED = "resumed"


async def follow(api: Api, workflow_id: str) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
    """Yield ("draft", …) and (kind, event) in order and once each, until the workflow has ended."""
    import httpx

    follower = _Follower(api, workflow_id)
    timeout = httpx.Timeout(_STREAM_TIMEOUT_SECONDS, connect=CONNECT_SECONDS)
    async with httpx.AsyncClient(**api.connection() | {"timeout": timeout}) as client:
        while True:
            async with aclosing(follower.listen(client)) as items:
                async for item in items:
                    yield item
            if follower.ended:
                return
            follower.note_lost_connection()
            await asyncio.sleep(follower.parser.retry_seconds)


class _Follower:
    """Stores the position in the stream across connections."""

    def __init__(self, api: Api, workflow_id: str) -> None:
        self.parser = EventParser()
        self.ended = False
        self._api = api
        self._workflow_id = workflow_id
        self._last_id: str | None = None
        self._was_connected = False
        self._lost_at: float | None = None

    async def listen(self, client: "httpx.AsyncClient") -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        """One connection, from the last event received; returns when it ends or is cut."""
        import httpx

        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": self._last_id} if self._last_id else {})
        parser = self.parser = EventParser()
        try:
            async with client.stream("GET", f"/api/workflows/{self._workflow_id}/events", headers=headers) as response:
                if not await self._is_stream(response):
                    return
                async for chunk in response.aiter_bytes():
                    for message in parser.feed(chunk):
                        self._note_data()
                        if message.event:
                            yield self._parsed(message, response)
                        elif self.ended:
                            return  # a comment after the last event: the stream is complete
        except httpx.TransportError:
            if not self._was_connected:
                self._api.unreachable()

    def note_lost_connection(self) -> None:
        """Print it once; exit when it lasts too long."""
        if self._lost_at is None:
            self._lost_at = time.monotonic()
            say("connection lost; the run goes on; connecting again…")
        elif time.monotonic() - self._lost_at > _PATIENCE_SECONDS:
            hint = f"the run goes on; watch it again with: durable-research watch {self._workflow_id}"
            stop(f"no answer from {self._api.server} for {_PATIENCE_SECONDS:.0f} s", hint, Exit.UNREACHABLE)

    async def _is_stream(self, response: "httpx.Response") -> bool:
        if response.status_code != 200:
            await response.aread()
            # An API that restarts may have no database yet, or too many streams at once.
            if not self._was_connected or response.status_code not in {429, 500, 502, 503, 504}:
                self._api.check(response)
            return False
        if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
            self._api.foreign_answer(response)
        self._was_connected = True
        return True

    def _note_data(self) -> None:
        """A stream is restored when it sends data: one that ends at once, repeatedly, is not."""
        if self._lost_at is not None:
            say("connected again")
        self._lost_at = None

    def _parsed(self, message: Message, response: "httpx.Response") -> tuple[str, dict[str, Any]]:
        self._last_id = message.id or self._last_id
        self.ended = message.event != _RESUMED and (self.ended or message.event in _FINAL_EVENTS)
        try:
            return message.event, dict(json.loads(message.data))
        except (ValueError, TypeError):
            self._api.foreign_answer(response)
