"""`make demo`: one report, one worker killed in the middle of the paid call, and the count of what happened."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from durable_research.domain.workflows.workflow import FINAL
from durable_research.experiments.evidence import proof
from durable_research.experiments.evidence.installation import Installation
from durable_research.experiments.evidence.proof import AcceptedCall, Proof
from durable_research.local.console import Say
from durable_research.local.up import Up

PROMPT = "How do tidal power plants survive in salt water, and what does it cost? Compare three of them in a table."
# Long enough to kill the worker in the middle of it, short enough to watch.
_CALL_SECONDS = 6.0
_USUAL_CALL_SECONDS = 2.0
_PATIENCE_SECONDS = 60.0
Found = TypeVar("Found")


class DemoFailed(Exception):
    """The demo did not complete; the text names where it stopped."""


@dataclass
class Demo:
    """Reports through `say`; `data` is the edition's data folder."""

    data: Path
    say: Say
    result: Proof | None = None

    async def run(self, up: Up) -> None:
        """Submit, wait for the committed id, kill, wait for the end, count.

        Raises:
            DemoFailed: an expected state did not occur in time.
        """
        installation = Installation(self.data, _PATIENCE_SECONDS)
        await asyncio.to_thread(installation.latency, _CALL_SECONDS)
        report_id = await asyncio.to_thread(installation.submit, PROMPT)
        self.say(f"asked: {PROMPT}")
        self.say(f"report {report_id}: DEMO PROVIDER, canned text, no network, not research")
        call = await self._until("the provider to accept the call", lambda: proof.accepted_call(up.database, report_id))
        killed = await asyncio.to_thread(self._kill_holder, installation, report_id, call)
        status = await self._until("the report", lambda: asyncio.to_thread(_final_status, installation, report_id))
        await asyncio.to_thread(installation.latency, _USUAL_CALL_SECONDS)
        if status["status"] != "done":
            raise DemoFailed(f"the report is {status['status']}: {status['error']}")
        finished = _step(status)
        self.say(f"report done; llm_call was finished by {finished['worker']}, attempt {finished['attempt']}")
        counts = await self._until("the notification", lambda: self._counted(up, report_id, call.key))
        self.result = Proof(
            **counts,
            workers_killed=1,
            accepted_before_kill=killed.accepted,
            finished_by=finished["worker"],
            killed=killed.worker,
        )
        self._print_proof(self.result, f"{up.api}/reports/{report_id}")

    def _kill_holder(self, installation: Installation, report_id: str, call: AcceptedCall) -> "_Killed":
        holder = _step(installation.status(report_id))["worker"]
        accepted = any(
            line["key"] == call.key and line["id"] == call.reference
            for line in proof.billing_lines(installation.running.required_simulator.billing_log)
        )
        try:
            pid = installation.kill(holder)
        except LookupError as cause:
            raise DemoFailed(f"{holder} holds the call but is no process of this installation") from cause
        self.say(f"the provider has accepted the call ({call.reference[:16]}…) and its id is committed")
        self.say(f"SIGKILL to {holder} (pid {pid}), which holds it")
        return _Killed(holder, accepted)

    async def _counted(self, up: Up, report_id: str, key: str) -> dict[str, int] | None:
        counts = await proof.count(up, self.data / "objects", report_id, key)
        return counts if counts["notifications"] else None

    async def _until(self, what: str, poll: Callable[[], Awaitable[Found | None]]) -> Found:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (found := await poll()) is None:
            if time.monotonic() > deadline:
                raise DemoFailed(f"waited {_PATIENCE_SECONDS:.0f} s for {what}")
            await asyncio.sleep(0.05)
        return found

    def _print_proof(self, result: Proof, url: str) -> None:
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


def _final_status(installation: Installation, report_id: str) -> dict[str, Any] | None:
    status = installation.status(report_id)
    return status if status["status"] in FINAL else None


def _step(status: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(step for step in status["steps"] if step["name"] == "llm_call")
    return found
