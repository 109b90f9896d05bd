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
from durable_research.experiments.evidence.client import Client, ReportRequest
from durable_research.experiments.evidence.evidence import Evidence, FiredFault
from durable_research.experiments.installations.proxy import Proxy
from durable_research.failpoints.reach import HITS_FILE
from durable_research.local.data_folder import DataFolder
from durable_research.temporal import names

_POLL_SECONDS = 0.25
_RECONCILE_EVERY_SECONDS = 3.0
# Calls that are cut off together must all run before the first of them would end.
_CUT_TOGETHER = 12
_AT_ONCE = 40
# The limit for a report that fails repeatedly, such as one whose approval always comes too late.
_MOST_RESUMPTIONS = 20


class Resumer(Client):
    """A client of failed reports. Each is resumed, again after each further failure; every second by two requests at once."""

    async def submit_and_follow(self, one: ReportRequest) -> None:
        """Submit the report; or resume it, when it has failed."""
        if not one.numbers:
            await super().submit_and_follow(one)
            return
        one.submitted_at = time.monotonic()
        approving = asyncio.create_task(self._approve(one)) if one.more.get("approval") else None
        try:
            for number in range(1, _MOST_RESUMPTIONS + 1):
                one.ended_at = None
                await asyncio.gather(
                    *(self._resume(one, f"{one.key}-{number}-{copy}") for copy in range(1 + one.number % 2))
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

    async def _resume(self, one: ReportRequest, key: str) -> None:
        """Resume the report; if another request did so meanwhile and it is done, there is nothing to resume."""
        body = cast("Failing", one.quirk).resume_body(one)
        await self.post_until_answered(f"/api/workflows/{one.report_id}/resume", body, key, {202, 409})

    async def _approve(self, one: ReportRequest) -> None:
        """Approve the report's draft whenever it waits for approval, until it is done."""
        while True:
            body = await self.status(one)
            if (sha256 := (body["asks"] or {}).get("draft_sha256")) and body["resumption"]:
                decision = {"decision": "approve", "draft_sha256": sha256}
                key = f"{one.number}-{body['resumption']}"  # Temporal stores it unencrypted: it contains no text of the report
                await self.post_until_answered(f"/api/workflows/{one.report_id}/approve", decision, key, {202, 409})
            await asyncio.sleep(_POLL_SECONDS)


@dataclass
class Failures:
    """Makes every report fail. `billed` returns whether the provider has accepted the call with a report's word."""

    client: Resumer
    network: Proxy
    engine: TemporalClient
    billed: Callable[[str], bool]

    async def fail_all(self, requests: Sequence[ReportRequest]) -> None:
        """Return when all reports have failed."""
        causes = ("provider", "network", "operator")
        by_cause = {cause: [one for one in requests if _failing(one).by == cause] for cause in causes}
        together = Load(self.client, by_cause["provider"], _AT_ONCE, lambda _: True)
        await asyncio.gather(together.run(), self._terminate(by_cause["operator"]))
        for first in range(0, len(by_cause["network"]), _CUT_TOGETHER):
            await self._cut_off(by_cause["network"][first : first + _CUT_TOGETHER])

    async def _terminate(self, requests: Sequence[ReportRequest]) -> None:
        """Terminate the workflows in Temporal, as an operator would; reconciliation detects it."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.client.submit_and_follow(one)) for one in requests]
            for one in requests:
                await self._until_accepted(one)
                await self.engine.get_workflow_handle(one.report_id or "").terminate("an operator")
            while not all(task.done() for task in tasks):
                await self.engine.get_schedule_handle(names.RECONCILE_SCHEDULE).trigger()
                await asyncio.wait(tasks, timeout=_RECONCILE_EVERY_SECONDS)

    async def _cut_off(self, requests: Sequence[ReportRequest]) -> None:
        """Cut the connection once the provider has accepted their calls, for longer than their timeout."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.client.submit_and_follow(one)) for one in requests]
            for one in requests:
                await self._until_accepted(one)
            await self.network.cut()
            await asyncio.wait(tasks)
        await self.network.restore()

    async def _until_accepted(self, one: ReportRequest) -> None:
        while one.report_id is None or not self.billed(one.word):  # noqa: ASYNC110 - another process cannot set our event
            await asyncio.sleep(_POLL_SECONDS)


def with_api_deaths(evidence: Evidence, data: DataFolder) -> Evidence:
    """The evidence with the API's deaths during a resume, which the failpoints have logged themselves."""
    lines = [json.loads(line) for line in (data.root / HITS_FILE).read_text().splitlines()]
    # Several requests of one process may reach the failpoint at the same moment.
    died = {(line["name"], line["pid"]) for line in lines if line["act"] == "kill"}
    fired = [FiredFault("api", f"kill at {name}", 1, happened=True) for name, _ in sorted(died)]
    planned = {("api", f"kill at {name}"): 1 for name in DEATHS}
    return replace(evidence, planned={**evidence.planned, **planned}, fired=(*evidence.fired, *fired))


def _failing(one: ReportRequest) -> Failing:
    return cast("Failing", one.quirk)
