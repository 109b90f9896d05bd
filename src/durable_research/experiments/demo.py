"""`make demo`: one report, one worker killed in the middle of the paid call, and the count of what happened."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from durable_research.domain.workflows.workflow import FINAL
from durable_research.experiments.evidence import proof
from durable_research.experiments.evidence.proof import AcceptedCall, Proof
from durable_research.local.console import Say
from durable_research.local.data_folder import DataFolder
from durable_research.local.up import Up, read_up

PROMPT = "How do tidal power plants survive in salt water, and what does it cost? Compare three of them in a table."
# Long enough to kill the worker in the middle of it, short enough to watch.
_CALL_SECONDS = 6.0
_USUAL_CALL_SECONDS = 2.0
_PATIENCE_SECONDS = 60.0
Found = TypeVar("Found")


class DemoFailed(Exception):
    """The demo could not be carried through; the text says where it stopped."""


@dataclass
class Demo:
    """Reports through `say`; `data` is the edition's data folder."""

    data: Path
    say: Say
    result: Proof | None = None

    async def run(self, up: Up) -> None:
        """Submit, wait for the committed id, kill, wait for the end, count.

        Raises:
            DemoFailed: something that it needs did not happen in time.
        """
        async with httpx.AsyncClient(base_url=up.api, timeout=10) as api:
            await self._set_latency(up, _CALL_SECONDS)
            report_id = await self._submit(api)
            call = await self._until(
                "the provider to accept the call", lambda: proof.accepted_call(up.database, report_id)
            )
            killed = await self._kill_holder(up, api, report_id, call)
            status = await self._until("the report", lambda: self._final_status(api, report_id))
            await self._set_latency(up, _USUAL_CALL_SECONDS)
            if status["status"] != "done":
                raise DemoFailed(f"the report is {status['status']}: {status['error']}")
            finished_by = next(step["worker"] for step in status["steps"] if step["name"] == "llm_call")
            self.say(f"report done; llm_call was finished by {finished_by}, attempt {_attempt(status)}")
            counts = await self._until("the notification", lambda: self._counted(up, report_id, call.key))
        self.result = Proof(
            **counts,
            workers_killed=1,
            accepted_before_kill=killed.accepted,
            finished_by=finished_by,
            killed=killed.worker,
        )
        self._tell(self.result, f"{up.api}/reports/{report_id}")

    async def _submit(self, api: httpx.AsyncClient) -> str:
        answer = await api.post("/api/workflows/generate-report", json={"prompt": PROMPT})
        answer.raise_for_status()
        report_id: str = answer.json()["workflow_id"]
        self.say(f"asked: {PROMPT}")
        self.say(f"report {report_id}: DEMO PROVIDER, canned text, no network, not research")
        return report_id

    async def _kill_holder(self, up: Up, api: httpx.AsyncClient, report_id: str, call: AcceptedCall) -> "_Killed":
        status = (await api.get(f"/api/workflows/{report_id}/status")).json()
        holder = next(step["worker"] for step in status["steps"] if step["name"] == "llm_call")
        now = read_up(DataFolder(self.data).up) or up
        process = next((one for one in now.processes if one.identity == holder), None)
        if process is None:
            raise DemoFailed(f"{holder} holds the call but is no process of this installation")
        accepted = any(
            line["key"] == call.key and line["id"] == call.reference
            for line in proof.billing_lines(up.pretend_world.billing_log)
        )
        os.kill(process.pid, signal.SIGKILL)
        self.say(f"the provider has accepted the call ({call.reference[:16]}…) and its id is committed")
        self.say(f"SIGKILL to {holder} (pid {process.pid}), which holds it")
        return _Killed(holder, accepted)

    async def _final_status(self, api: httpx.AsyncClient, report_id: str) -> dict[str, Any] | None:
        status: dict[str, Any] = (await api.get(f"/api/workflows/{report_id}/status")).json()
        return status if status["status"] in FINAL else None

    async def _counted(self, up: Up, report_id: str, key: str) -> dict[str, int] | None:
        counts = await proof.count(up, self.data / "objects", report_id, key)
        return counts if counts["notifications"] else None

    async def _set_latency(self, up: Up, seconds: float) -> None:
        async with httpx.AsyncClient(timeout=10) as simulator:
            answer = await simulator.post(f"{up.pretend_world.url}/control/settings", json={"latency_seconds": seconds})
            answer.raise_for_status()

    async def _until(self, what: str, look: Callable[[], Awaitable[Found | None]]) -> Found:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (found := await look()) is None:
            if time.monotonic() > deadline:
                raise DemoFailed(f"waited {_PATIENCE_SECONDS:.0f} s for {what}")
            await asyncio.sleep(0.05)
        return found

    def _tell(self, result: Proof, url: str) -> None:
        self.say("")
        self.say("Proof, counted outside the workflow (provider's billing log, object folder, database rows):")
        self.say(f"  model calls billed  {result.calls_billed}")
        self.say(f"  PDFs                {result.pdfs}")
        self.say(f"  rows                {result.rows}")
        self.say(f"  notifications       {result.notifications}")
        self.say(f"  workers killed      {result.workers_killed}  ({result.killed}; {result.finished_by} went on)")
        for failure in result.failures():
            self.say(f"  ✖ {failure}")
        if not result.failures():
            self.say("  ✔ one of each, though a worker was killed in the middle of the paid call")
        self.say("")
        self.say(f"Read it: {url}")


@dataclass(frozen=True)
class _Killed:
    worker: str
    accepted: bool


def _attempt(status: dict[str, Any]) -> int:
    return next(int(step["attempt"]) for step in status["steps"] if step["name"] == "llm_call")
