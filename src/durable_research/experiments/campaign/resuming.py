"""Makes reports fail in every way of `resumes.py` before the first fault, and resumes them while faults hit everything."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

from temporalio.client import Client as TemporalClient

from durable_research.experiments.campaign.load import Load
from durable_research.experiments.campaign.resumes import DEATHS, Failing
from durable_research.experiments.evidence.client import Asked, Client
from durable_research.experiments.evidence.evidence import Fired, Seen
from durable_research.experiments.installations.proxy import Proxy
from durable_research.failpoints.reach import HITS_FILE
from durable_research.local.data_folder import DataFolder
from durable_research.temporal import names

_LOOK_SECONDS = 0.25
_RECONCILE_EVERY_SECONDS = 3.0
# Calls that are cut off together must all run before the first of them would end.
_CUT_TOGETHER = 12
_AT_ONCE = 40
# The limit for a report that fails repeatedly, such as one whose approval always comes too late.
_MOST_RESUMPTIONS = 20


class Resumer(Client):
    """A client of failed reports. Each is resumed, again after each further failure; every second by two requests at once."""

    async def live_through(self, one: Asked) -> None:
        """Submit the report; or resume it, when it has failed."""
        if not one.numbers:
            await super().live_through(one)
            return
        one.asked_at = time.monotonic()
        approving = asyncio.create_task(self._approve(one)) if one.more.get("approval") else None
        try:
            for number in range(1, _MOST_RESUMPTIONS + 1):
                one.ended_at = None
                await asyncio.gather(
                    *(self._resume(one, f"{one.key}-{number}-{who}") for who in range(1 + one.number % 2))
                )
                # If every request was answered that there is nothing to resume, all events may have been seen.
                if (await self.status(one))["last_seq"] > one.numbers[-1]:
                    await self.follow(one)
                one.ended_at = time.monotonic()
                if (await self.status(one))["status"] == "done":
                    return
        finally:
            if approving is not None:
                approving.cancel()

    async def _resume(self, one: Asked, key: str) -> None:
        """Resume the report; if another request did so meanwhile and it is done, there is nothing to resume."""
        body = cast("Failing", one.quirk).resumed_as(one)
        await self.insist(f"/api/workflows/{one.report_id}/resume", body, key, {202, 409})

    async def _approve(self, one: Asked) -> None:
        """Approve the report's draft whenever it waits for approval, until it is done."""
        while True:
            body = await self.status(one)
            if (sha256 := (body["asks"] or {}).get("draft_sha256")) and body["resumption"]:
                decision = {"decision": "approve", "draft_sha256": sha256}
                key = f"{one.number}-{body['resumption']}"  # Temporal stores it unencrypted: none of the report's words
                await self.insist(f"/api/workflows/{one.report_id}/approve", decision, key, {202, 409})
            await asyncio.sleep(_LOOK_SECONDS)


@dataclass
class Failures:
    """Makes every report fail. `billed` returns whether the provider has accepted the call with a report's word."""

    client: Resumer
    network: Proxy
    engine: TemporalClient
    billed: Callable[[str], bool]

    async def bring_about(self, asked: Sequence[Asked]) -> None:
        """Return when all reports have failed."""
        by = {who: [one for one in asked if _way(one).by == who] for who in ("provider", "network", "operator")}
        together = Load(self.client, by["provider"], _AT_ONCE, lambda _: True)
        await asyncio.gather(together.run(), self._terminate(by["operator"]))
        for first in range(0, len(by["network"]), _CUT_TOGETHER):
            await self._cut_off(by["network"][first : first + _CUT_TOGETHER])

    async def _terminate(self, asked: Sequence[Asked]) -> None:
        """Terminate the workflows in Temporal, as an operator would; reconciliation detects it."""
        async with asyncio.TaskGroup() as living:
            lives = [living.create_task(self.client.live_through(one)) for one in asked]
            for one in asked:
                await self._until_accepted(one)
                await self.engine.get_workflow_handle(one.report_id or "").terminate("an operator")
            while not all(life.done() for life in lives):
                await self.engine.get_schedule_handle(names.RECONCILE_SCHEDULE).trigger()
                await asyncio.wait(lives, timeout=_RECONCILE_EVERY_SECONDS)

    async def _cut_off(self, asked: Sequence[Asked]) -> None:
        """Cut the connection once the provider has accepted their calls, for longer than their timeout."""
        async with asyncio.TaskGroup() as living:
            lives = [living.create_task(self.client.live_through(one)) for one in asked]
            for one in asked:
                await self._until_accepted(one)
            await self.network.cut()
            await asyncio.wait(lives)
        await self.network.mend()

    async def _until_accepted(self, one: Asked) -> None:
        while one.report_id is None or not self.billed(one.word):  # noqa: ASYNC110 - another process cannot set our event
            await asyncio.sleep(_LOOK_SECONDS)


def with_deaths(seen: Seen, data: DataFolder) -> Seen:
    """The evidence with the API's deaths during a resume, which the failpoints have logged themselves."""
    lines = [json.loads(line) for line in (data.root / HITS_FILE).read_text().splitlines()]
    # Several requests of one process may reach the failpoint at the same moment.
    died = {(line["name"], line["pid"]) for line in lines if line["act"] == "kill"}
    fired = [Fired("api", f"kill at {name}", 1, happened=True) for name, _ in sorted(died)]
    planned = {("api", f"kill at {name}"): 1 for name in DEATHS}
    return replace(seen, planned={**seen.planned, **planned}, fired=(*seen.fired, *fired))


def _way(one: Asked) -> Failing:
    return cast("Failing", one.quirk)
