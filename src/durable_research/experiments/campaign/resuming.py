"""Has reports fail in every way of `resumes.py`, all of them before anything dies, and resumes them while everything does."""

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
# Calls that are cut off together all run before the first of them would end.
_CUT_TOGETHER = 12
_AT_ONCE = 40
# Of a report that fails again and again, such as one whose approval always comes too late.
_MOST_RESUMPTIONS = 20


class Resumer(Client):
    """A client of reports that have failed. Each is resumed, and again should it fail again; every second by two at once."""

    async def live_through(self, one: Asked) -> None:
        """Ask for it; or resume it, when it has failed."""
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
                # Where each was told that there is nothing to resume, all events may have been seen.
                if (await self.status(one))["last_seq"] > one.numbers[-1]:
                    await self.follow(one)
                one.ended_at = time.monotonic()
                if (await self.status(one))["status"] == "done":
                    return
        finally:
            if approving is not None:
                approving.cancel()

    async def _resume(self, one: Asked, key: str) -> None:
        """Resume it; where another did meanwhile and it is done already, there is nothing to resume."""
        body = cast("Failing", one.quirk).resumed_as(one)
        await self.insist(f"/api/workflows/{one.report_id}/resume", body, key, {202, 409})

    async def _approve(self, one: Asked) -> None:
        """Approve its draft whenever it waits for that, until it is done."""
        while True:
            body = await self.status(one)
            if (sha256 := (body["asks"] or {}).get("draft_sha256")) and body["resumption"]:
                decision = {"decision": "approve", "draft_sha256": sha256}
                key = f"{one.number}-{body['resumption']}"  # Temporal keeps it as it is: none of the report's words
                await self.insist(f"/api/workflows/{one.report_id}/approve", decision, key, {202, 409})
            await asyncio.sleep(_LOOK_SECONDS)


@dataclass
class Failures:
    """Has every report fail. `billed` says whether the provider has accepted the call of a report's word."""

    client: Resumer
    network: Proxy
    engine: TemporalClient
    billed: Callable[[str], bool]

    async def bring_about(self, asked: Sequence[Asked]) -> None:
        """Return when all have failed."""
        by = {who: [one for one in asked if _way(one).by == who] for who in ("provider", "network", "operator")}
        together = Load(self.client, by["provider"], _AT_ONCE, lambda _: True)
        await asyncio.gather(together.run(), self._terminate(by["operator"]))
        for first in range(0, len(by["network"]), _CUT_TOGETHER):
            await self._cut_off(by["network"][first : first + _CUT_TOGETHER])

    async def _terminate(self, asked: Sequence[Asked]) -> None:
        """As an operator does in Temporal; reconciliation finds out."""
        async with asyncio.TaskGroup() as living:
            lives = [living.create_task(self.client.live_through(one)) for one in asked]
            for one in asked:
                await self._until_accepted(one)
                await self.engine.get_workflow_handle(one.report_id or "").terminate("an operator")
            while not all(life.done() for life in lives):
                await self.engine.get_schedule_handle(names.RECONCILE_SCHEDULE).trigger()
                await asyncio.wait(lives, timeout=_RECONCILE_EVERY_SECONDS)

    async def _cut_off(self, asked: Sequence[Asked]) -> None:
        """Cut the way to the provider when it has accepted their calls, for longer than they wait for it."""
        async with asyncio.TaskGroup() as living:
            lives = [living.create_task(self.client.live_through(one)) for one in asked]
            for one in asked:
                await self._until_accepted(one)
            await self.network.cut()
            await asyncio.wait(lives)
        await self.network.mend()

    async def _until_accepted(self, one: Asked) -> None:
        while one.report_id is None or not self.billed(one.word):  # noqa: ASYNC110 - another process sets no event of ours
            await asyncio.sleep(_LOOK_SECONDS)


def with_deaths(seen: Seen, data: DataFolder) -> Seen:
    """The evidence with the deaths of the API amid resuming, which the failpoints have written down themselves."""
    lines = [json.loads(line) for line in (data.root / HITS_FILE).read_text().splitlines()]
    # Several requests of one process may come by at the same moment.
    died = {(line["name"], line["pid"]) for line in lines if line["act"] == "kill"}
    fired = [Fired("api", f"kill at {name}", 1, happened=True) for name, _ in sorted(died)]
    planned = {("api", f"kill at {name}"): 1 for name in DEATHS}
    return replace(seen, planned={**seen.planned, **planned}, fired=(*seen.fired, *fired))


def _way(one: Asked) -> Failing:
    return cast("Failing", one.quirk)
