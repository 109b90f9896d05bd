"""Server-sent events: a workflow's log as it is written. Neutral to the web framework: events in, bytes out.

A log event's bytes are a pure function of its stored row, so a reader that reconnects with `Last-Event-ID` gets the same
bytes again. Drafts and keep-alives carry no id: they are not part of the log.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import Any

from durable_research.domain.errors import InfrastructureDown
from durable_research.domain.workflows.progress import Draft, ProgressEvent
from durable_research.failpoints.reach import Point, reach
from durable_research.telemetry import logs
from durable_research.telemetry.meter import NO_METER, Meter
from durable_research.telemetry.metrics import EVENT_STREAMS
from durable_research.web.http.problems import Problem

MEDIA_TYPE = "text/event-stream"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_MOST_STREAMS = 1_000
_RETRY_AFTER_SECONDS = 5
_FIRST = b"retry: 500\n\n"
_KEEP_ALIVE = b": keep-alive\n\n"


class Streams:
    """All open streams of this process: their number, and the signal to end them."""

    def __init__(self, most: int = _MOST_STREAMS, meter: Meter = NO_METER) -> None:
        self.most = most
        self._meter = meter
        self._open = 0
        self._meter.set(EVENT_STREAMS, self._open)
        self._draining = asyncio.Event()

    def drain(self) -> None:
        """End every stream properly; readers reconnect by themselves, to the next process."""
        self._draining.set()

    def check_room(self) -> None:
        """Refuse one stream too many."""
        if self._open >= self.most:
            detail = "too many readers follow at the moment"
            raise Problem(429, "too_many_streams", detail, retry_after=_RETRY_AFTER_SECONDS)

    async def stream(self, events: AsyncGenerator[ProgressEvent | Draft | None, None]) -> AsyncGenerator[bytes, None]:
        """Turn events into bytes until they end or the server drains. Holds one event: a slow reader uses no memory."""
        self._change(1)
        draining = asyncio.create_task(self._draining.wait())
        next_event: asyncio.Task[ProgressEvent | Draft | None] | None = None
        try:
            yield _FIRST
            while True:
                next_event = asyncio.create_task(_next(events))
                await asyncio.wait({next_event, draining}, return_when=asyncio.FIRST_COMPLETED)
                if not next_event.done():
                    return
                event = next_event.result()
                yield frame(event)
                if isinstance(event, ProgressEvent):
                    await reach(Point.EVENTS_STREAMING, event.workflow_id)
        except (_Ended, InfrastructureDown) as end:
            # The answer has begun, so an outage of the database can only end it; the reader reconnects by itself.
            if isinstance(end, InfrastructureDown):
                logs.emit(logs.INFRASTRUCTURE_DOWN, what="stream", error=end.detail)
        finally:
            self._change(-1)
            await _stop(draining)
            if next_event is not None:
                await _stop(next_event)
            await events.aclose()

    def _change(self, by: int) -> None:
        self._open += by
        self._meter.set(EVENT_STREAMS, self._open)


class _Ended(Exception):
    """The events ended; a StopAsyncIteration cannot leave a task."""


async def _next(events: AsyncIterator[ProgressEvent | Draft | None]) -> ProgressEvent | Draft | None:
    try:
        return await anext(events)
    except StopAsyncIteration:
        raise _Ended from None


async def _stop(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, _Ended, InfrastructureDown):
        await task


def frame(event: ProgressEvent | Draft | None) -> bytes:
    """One message of the stream."""
    match event:
        case None:
            return _KEEP_ALIVE
        case Draft():
            body = {"step": event.step, "attempt": event.attempt, "text": event.text}
            return _message("event: draft", body)
        case ProgressEvent():
            return _message(f"id: {event.seq}\nevent: {event.kind}", event.as_json())


def _message(head: str, body: dict[str, Any]) -> bytes:
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return f"{head}\ndata: {data}\n\n".encode(errors="replace")
