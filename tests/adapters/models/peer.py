"""A provider whose bytes the test scripts exactly, for behaviour that the simulator does not have."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Then(Enum):
    """An action of the peer between its bytes."""

    HOLD = "hold"  # send nothing until the client has disconnected
    RESET = "reset"  # cut the connection


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


Scripted = Sequence[bytes | Then]
Answer = Callable[[Request], Scripted]


@dataclass
class Peer:
    """The address, the received requests, and how many clients disconnected while their connection was held."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    has_disconnected: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def request_lines(self) -> list[str]:
        return [f"{one.method} {one.path}" for one in self.requests]


@asynccontextmanager
async def peer(answer: Answer | Scripted) -> AsyncIterator[Peer]:
    """A server with these answers: the same for every request, or one chosen by the request."""
    itself = Peer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await _request(reader)
            itself.requests.append(request)
            for part in answer(request) if callable(answer) else answer:
                if part is Then.HOLD:
                    await reader.read()
                    itself.has_disconnected.set()
                elif part is Then.RESET:
                    writer.transport.abort()
                else:
                    writer.write(part)
                    await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        itself.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        yield itself


async def _request(reader: asyncio.StreamReader) -> Request:
    head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    method, path, _ = head.split(" ")
    return Request(method, path, headers, json.loads(body) if body else None)


def head(status: int = 200, kind: str = "text/event-stream", **headers: str) -> bytes:
    """The beginning of an answer that ends when its connection does."""
    lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}", "connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def whole(body: Any, status: int = 200, **headers: str) -> list[bytes]:
    """A whole JSON answer."""
    return [head(status, "application/json", **headers) + json.dumps(body).encode()]


def events(*values: Any, done: bool = True) -> bytes:
    """An event stream of these."""
    data = [one if isinstance(one, str) else json.dumps(one) for one in values]
    return "".join(f"data: {one}\n\n" for one in [*data, *["[DONE]"] * done]).encode()


def chunk(text: Any = None, reason: Any = None, **more: Any) -> dict[str, Any]:
    """One chunk of a streamed chat completion."""
    choice = {"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": reason}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m1", "choices": [choice], **more}
