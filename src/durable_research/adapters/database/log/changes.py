"""The Changes port on PostgreSQL's LISTEN/NOTIFY: one connection for each process wakes all its readers."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import psycopg

from durable_research.adapters.database.connection import plain_url
from durable_research.adapters.database.log.events import CHANNEL
from durable_research.telemetry import logs

_RECONNECT_SECONDS = 1.0


class PostgresChanges:
    """Starts listening with the first reader. A reconnect wakes all readers, as notifications may have been missed."""

    def __init__(self, url: str) -> None:
        self._url = plain_url(url)
        self._watchers: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._listener: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def watch(self, workflow_id: str) -> AsyncIterator[Callable[[float], Awaitable[bool]]]:
        """Get a function that waits for the next change."""
        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._listen())
        changed = asyncio.Event()
        self._watchers[workflow_id].add(changed)

        async def wait(seconds: float) -> bool:
            try:
                async with asyncio.timeout(seconds):
                    await changed.wait()
            except TimeoutError:
                return False
            changed.clear()
            return True

        try:
            yield wait
        finally:
            self._watchers[workflow_id].discard(changed)
            if not self._watchers[workflow_id]:
                del self._watchers[workflow_id]

    async def close(self) -> None:
        if self._listener:
            self._listener.cancel()
            with suppress(asyncio.CancelledError):
                await self._listener

    async def _listen(self) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    self._notify_all()
                    async for notice in connection.notifies():
                        for changed in self._watchers.get(notice.payload, ()):
                            changed.set()
            except (psycopg.Error, OSError) as error:
                logs.emit(logs.INFRASTRUCTURE_DOWN, what="database", error=type(error).__name__)
            await asyncio.sleep(_RECONNECT_SECONDS)

    def _notify_all(self) -> None:
        for events in self._watchers.values():
            for changed in events:
                changed.set()
