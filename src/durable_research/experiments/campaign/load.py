"""The load of a campaign: many clients at once, throttled so that it lasts as long as the faults do."""

import asyncio
from collections.abc import Callable

from durable_research.experiments.evidence.client import Asked, Client

_LOOK_SECONDS = 0.1


class Load:
    """All reports of a campaign. `open_gate` returns whether the next one may be submitted yet."""

    def __init__(self, client: Client, asked: list[Asked], at_once: int, open_gate: Callable[[int], bool]) -> None:
        self.client = client
        self.asked = asked
        self._room = asyncio.Semaphore(at_once)
        self._open_gate = open_gate
        self._begun = 0

    @property
    def in_flight(self) -> int:
        """How many reports are accepted and not ended."""
        return sum(one.in_flight for one in self._under_way)

    @property
    def wanted(self) -> int:
        """How many are submitted and not ended; more than in flight while the API accepts nothing."""
        return self._begun - self.ended

    @property
    def ended(self) -> int:
        """How many have ended, as their clients saw it."""
        return sum(one.ended_at is not None for one in self._under_way)

    @property
    def _under_way(self) -> list[Asked]:
        # Some of the others may have ended before: failed reports are resumed by a load of their own.
        return self.asked[: self._begun]

    async def run(self) -> None:
        """Submit all reports, at most `at_once` in parallel, and return when every one has ended."""
        async with asyncio.TaskGroup() as living:
            for one in self.asked:
                while not self._open_gate(one.number):  # noqa: ASYNC110 - the faults and the load throttle each other
                    await asyncio.sleep(_LOOK_SECONDS)
                await self._room.acquire()
                self._begun += 1
                living.create_task(self._live_through(one))

    async def _live_through(self, one: Asked) -> None:
        try:
            await self.client.live_through(one)
        finally:
            self._room.release()
