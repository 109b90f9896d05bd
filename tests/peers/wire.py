"""The network between an installation and a provider: a wire on loopback that can be cut, held and slowed."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

_CHUNK = 65536
_SLOW_BYTES = 256
# A peer without conversations answers so at once. Delaying that answer would delay the call itself.
_REFUSAL = b"HTTP/1.1 4"
_DEADLINE_SECONDS = 30.0
Result = TypeVar("Result")


class Wire:
    """Its port never changes; its target can be changed for later connections."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._target = 0
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._seconds_between = 0.0
        self._answers_pass = self._call(_new_event())
        self._call(self._listen(0))
        assert self._server is not None
        self.port: int = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        self._call(self._away())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_DEADLINE_SECONDS)
        self._loop.close()

    def connect_to(self, port: int) -> None:
        """Later connections go to this port; existing ones stay."""
        self._target = port

    def cut(self) -> None:
        """Every connection is reset, and nothing listens."""
        self._call(self._away())

    def drop(self) -> None:
        """Every connection is reset; new ones are taken."""
        self._call(self._reset())

    def restore(self) -> None:
        """Listen again, and let everything pass as it comes."""
        self._seconds_between = 0.0
        self.let_answers_pass()
        if self._server is None:
            self._call(self._listen(self.port))

    def hold_answers(self) -> None:
        """Requests pass, and so does a refusal; no other byte of an answer does until it may."""
        self._loop.call_soon_threadsafe(self._answers_pass.clear)

    def let_answers_pass(self) -> None:
        """The other direction, at the configured speed."""
        self._loop.call_soon_threadsafe(self._answers_pass.set)

    def slow_answers(self, seconds_between: float) -> None:
        """Answers pass by small pieces, with a rest before each."""
        self._seconds_between = seconds_between

    def _call(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_DEADLINE_SECONDS)

    async def _listen(self, port: int) -> None:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", port)

    async def _away(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        await self._reset()

    async def _reset(self) -> None:
        connections = list(self._connections)
        for one in connections:
            one.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        ends = [writer]
        try:
            with contextlib.suppress(OSError):
                above, below = await asyncio.open_connection("127.0.0.1", self._target)
                ends.append(below)
                await self._both(self._requests(reader, below), self._answers(above, writer))
        except asyncio.CancelledError:
            pass  # it is cut: the connection's task ends here, and only `_reset` waits for it
        finally:
            for end in ends:
                end.transport.abort()
            self._connections.discard(task)

    @staticmethod
    async def _both(*ways: Coroutine[Any, Any, None]) -> None:
        """Until one side has hung up: the other is disconnected at once, as by a cable."""
        tasks = [asyncio.ensure_future(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_SLOW_BYTES if self._seconds_between else _CHUNK):
            await asyncio.sleep(self._seconds_between)
            if not data.startswith(_REFUSAL):
                await self._answers_pass.wait()
            writer.write(data)
            await writer.drain()


async def _new_event() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event
