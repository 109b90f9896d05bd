"""Streams answers over time: server-sent events at their moments, and clients that disconnect."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from quart import Response

from durable_research.simulator.generation.generation import Generation
from durable_research.simulator.generation.state import State

EVENT_STREAM = "text/event-stream; charset=utf-8"
Timed = tuple[float, bytes]


@dataclass(frozen=True)
class SentEvent:
    """One server-sent event with its moment; a named one has its type as its name. A block is sent unchanged."""

    moment: float
    data: dict[str, Any] = field(default_factory=dict)
    is_named: bool = False
    block: str = ""

    def lines(self) -> str:
        """The event's lines, without the blank one that ends it."""
        if self.block:
            return self.block
        head = f"event: {self.data['type']}\n" if self.is_named else ""
        return f"{head}data: {json.dumps(self.data, separators=(',', ':'))}"


@dataclass(frozen=True)
class Framing:
    """How events are encoded; some servers omit the last one's blank line."""

    newline: str = "\n"
    has_last_blank_line: bool = True

    def timed(self, events: Sequence[SentEvent]) -> list[Timed]:
        """The bytes of each event with its moment."""
        framed = [(one.moment, (one.lines() + "\n\n").replace("\n", self.newline).encode()) for one in events]
        if framed and not self.has_last_blank_line:
            framed[-1] = (framed[-1][0], framed[-1][1].rstrip())
        return framed


NEWLINES = Framing()


def event_stream(body: AsyncIterator[bytes], content_type: str = EVENT_STREAM) -> Response:
    """Answer with a stream of events."""
    return Response(body, 200, {"cache-control": "no-store"}, content_type=content_type)


async def paced(state: State, generation: Generation, events: Sequence[Timed]) -> AsyncIterator[bytes]:
    """Send each event at its moment, past ones together; end where the generation was stopped."""
    sent = 0
    while sent < len(events):
        stopped_at = state.stopped_at(generation.id)
        horizon = state.now() if stopped_at is None else min(stopped_at, state.now())
        due = sent
        while due < len(events) and events[due][0] <= horizon:
            due += 1
        if due > sent:
            yield b"".join(data for _, data in events[sent:due])
            sent = due
        elif stopped_at is not None:
            return
        else:
            await state.wait(generation, events[sent][0])


async def stopped_on_disconnect(
    state: State, generation: Generation, body: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    """The same bytes; the generation stops when the client disconnects before the end."""
    try:
        async for data in body:
            yield data
    except BaseException:
        # The client disconnected, or a fault cut the stream: either way it has no reader any more.
        state.stop(generation)
        raise


async def wait_until_finished(state: State, generation: Generation) -> None:
    """Wait until a generation has ended or was stopped."""
    while not state.is_finished(generation):
        await state.wait(generation, generation.done_at)
