"""The application behind the real server on a free port, spoken to with raw bytes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from durable_research.role_port.health import Health
from durable_research.web.http.server import Server, bind
from tests.web.harness import Harness

_PATIENCE = 10.0


@dataclass(frozen=True)
class Reply:
    """One answer, taken apart."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class RunningServer:
    """A running server."""

    harness: Harness
    server: Server
    port: int

    async def send(self, data: bytes) -> Reply:
        """Send bytes as they are and read the one answer, to the end of the connection."""
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                writer.write(data)
                await writer.drain()
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {
                    name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
                }
                body = await reader.readexactly(int(headers["content-length"]))
            finally:
                writer.close()
        return Reply(int(head[0].split()[1]), headers, body)

    async def get(self, path: str, headers: str = "") -> Reply:
        """Send a plain GET."""
        return await self.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode("latin-1"))


@asynccontextmanager
async def behind(harness: Harness) -> AsyncIterator[RunningServer]:
    """Start the server, and stop it at the end."""
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    server = Server(harness.app, harness.streams, f"http://127.0.0.1:{port}", Health())
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield RunningServer(harness, server, port)
    finally:
        server.stop()
        await serving
