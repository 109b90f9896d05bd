"""The load of a campaign: many clients at once, throttled so that it lasts as long as the faults do."""

import asyncio
from collections.abc import Callable

from durable_research.experiments.evidence.client import Client, ReportRequest

_POLL_SECONDS = 0.1


class Load:
    """All reports of a campaign. `may_submit` returns whether the next one may be submitted yet."""

    def __init__(
        self, client: Client, requests: list[ReportRequest], at_once: int, may_submit: Callable[[int], bool]
    ) -> None:
        self.client = client
        self.requests = requests
        self._free_clients = asyncio.Semaphore(at_once)
        self._may_submit = may_submit
        self._submitted_count = 0

    @property
    def in_flight(self) -> int:
        """How many reports are accepted and not ended."""
        return sum(one.in_flight for one in self._submitted)

    @property
    def pending(self) -> int:
        """How many are submitted and not ended; more than in flight while the API accepts nothing."""
        return self._submitted_count - self.ended

    @property
    def ended(self) -> int:
        """How many have ended, as their clients saw it."""
        return sum(one.ended_at is not None for one in self._submitted)

    @property
    def _submitted(self) -> list[ReportRequest]:
        # Some of the others may have ended before: failed reports are resumed by a separate load.
        return self.requests[: self._submitted_count]

    async def run(self) -> None:
        """Submit all reports, at most `at_once` in parallel, and return when every one has ended."""
        async with asyncio.TaskGroup() as group:
            for one in self.requests:
                while not self._may_submit(one.number):  # noqa: ASYNC110 - the faults and the load throttle each other
                    await asyncio.sleep(_POLL_SECONDS)
                await self._free_clients.acquire()
                self._submitted_count += 1
                group.create_task(self._run_one(one))

    async def _run_one(self, one: ReportRequest) -> None:
        try:
            await self.client.submit_and_follow(one)
        finally:
            self._free_clients.release()
