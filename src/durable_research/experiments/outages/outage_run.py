"""Runs the outages of `outages.py`: each report in a separate installation, so that all run side by side."""

import asyncio
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from durable_research.domain.errors import Unconfirmed
from durable_research.domain.ledger.effects import SERVER_ERRORS_ALLOWED, ProviderClass
from durable_research.domain.workflows.workflow import FINAL
from durable_research.experiments.crash_points import CLASSES
from durable_research.experiments.evidence.client import Client, ReportRequest, report_request
from durable_research.experiments.installations.fork_client import ForkClient
from durable_research.experiments.installations.proxy import Proxy
from durable_research.experiments.installations.shared_parts import (
    MODULES,
    SimulatorTiming,
    prepare_shared_parts,
    prepare_slots,
    run_with_servers,
)
from durable_research.experiments.installations.slot import Slot
from durable_research.experiments.outages.outages import OUTAGES, Outage, OutageControls
from durable_research.local.console import Say
from durable_research.local.data_folder import DataFolder
from durable_research.local.edition import Finished
from durable_research.local.processes.supervisor import Supervisor
from durable_research.local.up import Up
from durable_research.policies import CALL_DEADLINES

_POLL_SECONDS = 0.1
# Here a call may last as long as the product's default allows.
_REAL_TIMING = SimulatorTiming(longest_call_seconds=CALL_DEADLINES.longest)
# On a small machine, programs that start at the same time all become ready late.
_STARTING_AT_ONCE = 2
# The time of a report besides its outage: backoff of up to five minutes between server errors, a take-over, the other steps.
_EXTRA_SECONDS = 900.0


@dataclass(frozen=True)
class OutageResult:
    """One report after one outage: its charges as reported (`settled`, `possible_extra`) and as billed outside."""

    outage: Outage
    provider_class: str
    is_killed: bool
    kills: int
    status: str
    error: str | None
    billed: int
    settled: int
    possible_extra: int
    seconds: float

    @property
    def gave_up(self) -> bool:
        """Whether the cap on calls of unknown outcome was used up: its worker died during the one extra call allowed."""
        return self.is_killed and self.provider_class == ProviderClass.NOTHING and self.error == Unconfirmed.code

    @property
    def broken(self) -> list[str]:
        """The parts of the promise that do not hold."""
        wrong = [] if self.status == "done" or self.gave_up else [f"the report is {self.status} ({self.error})"]
        if self.is_killed and not self.kills:
            wrong.append("no worker died: the line proves nothing")
        if self.billed > self.settled + self.possible_extra:
            wrong.append(f"billed {self.billed}, told {self.settled} and {self.possible_extra} possible")
        if self.provider_class != ProviderClass.NOTHING and (self.billed, self.settled) != (1, 1):
            wrong.append(f"billed {self.billed} times where the provider can be asked")
        if self.possible_extra > SERVER_ERRORS_ALLOWED + 1:
            wrong.append(f"{self.possible_extra} possible extras are more than the cap")
        return wrong


@dataclass(frozen=True)
class Options:
    """The options of the command line. `pace` shortens every outage: 1.0 is as described, 0.02 is seconds."""

    data: Path
    pace: float = 1.0
    outages: tuple[str, ...] = tuple(one.name for one in OUTAGES)
    classes: tuple[str, ...] = CLASSES
    deaths: tuple[bool, ...] = (False, True)  # without and with a killed worker during the outage


@dataclass
class OutageRun:
    """Runs once; `results` and `seconds` are set afterwards."""

    options: Options
    say: Say
    results: list[OutageResult] = field(default_factory=list)
    seconds: float = 0.0
    _first_slot: int = 1
    _starting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_STARTING_AT_ONCE))

    async def run(self) -> None:
        """Start the servers, run all outages side by side, stop everything."""
        await run_with_servers(self.options.data, self.say, self._run_outages)

    async def _run_outages(self, up: Up, supervisor: Supervisor) -> None:
        forks = ForkClient(MODULES)
        try:
            await forks.open()
            lines = [line for outage in OUTAGES for line in await self._prepare(outage, up, supervisor, forks)]
            self.say(f"{len(lines)} reports, each in an installation of its own")
            began = time.monotonic()
            async with asyncio.TaskGroup() as group:
                for line in lines:
                    group.create_task(self._run_one(*line))
            self.seconds = time.monotonic() - began
        finally:
            await forks.close()
        raise Finished

    async def _prepare(
        self, outage: Outage, up: Up, supervisor: Supervisor, forks: ForkClient
    ) -> list[tuple[Slot, Outage, str, bool]]:
        """The lines of one outage, each with a slot; it has its own simulators, because faults are cleared for all at once."""
        classes = [one for one in outage.classes if one in self.options.classes]
        lines = [(one, is_killed) for one in classes for is_killed in self.options.deaths]
        if outage.name not in self.options.outages:
            return []
        data = DataFolder(self.options.data)
        label = f"{outage.name}-"
        shared = await prepare_shared_parts(data, up, forks, supervisor, classes, _REAL_TIMING, label)
        slots = await prepare_slots(data, shared, len(lines), self._first_slot)
        self._first_slot += len(lines)
        return [(slot, outage, *line) for slot, line in zip(slots, lines, strict=True)]

    async def _run_one(self, slot: Slot, outage: Outage, provider_class: str, is_killed: bool) -> None:
        provider = slot.shared.providers[provider_class]
        proxy = Proxy(provider.url)
        await proxy.restore()
        async with self._starting:
            await slot.start(provider_class, 1, {"OPENAI_BASE_URL": f"{proxy.url}/v1"})
        request = report_request(slot.number, 1, "none")
        controls = OutageControls(proxy, provider, request, outage.seconds * self.options.pace)
        client, began, killed = Client(slot.url), time.monotonic(), 0
        try:
            await outage.prepare(controls)
            outage_task = asyncio.create_task(outage.during(controls))
            kill_task = asyncio.create_task(_kill_during(slot, request, controls.seconds)) if is_killed else None
            async with asyncio.timeout(controls.seconds + _EXTRA_SECONDS):
                await client.submit_and_follow(request)
            await outage_task
            killed = await kill_task if kill_task else 0
        except TimeoutError:
            self.say(f"{outage.name} {provider_class}: not ended")
        finally:
            await client.close()
        body = await _status(slot.url, request)
        result = OutageResult(
            outage,
            provider_class,
            is_killed,
            killed,
            body["status"],
            (body.get("error") or {}).get("code"),
            controls.billed(),
            body["charges"]["settled"],
            body["charges"]["possible_extra"],
            time.monotonic() - began,
        )
        self.results.append(result)
        self.say(f"{outage.name} {provider_class}{' killed' * is_killed}: {result.status} after {result.seconds:.0f} s")
        await slot.stop_workers()
        await slot.stop_api()
        await proxy.cut()


async def _kill_during(slot: Slot, request: ReportRequest, seconds: float) -> int:
    """Kill every worker halfway through the outage, because any of them may hold the step; return how many died."""
    while request.report_id is None:  # noqa: ASYNC110 - the client sets no event
        await asyncio.sleep(_POLL_SECONDS)
    await asyncio.sleep(seconds / 2)
    if request.ended_at is not None:
        return 0
    workers = [psutil.Process(worker.pid) for worker in slot.workers if worker.pid]
    for worker in workers:
        worker.send_signal(signal.SIGKILL)
    return len(workers)


async def _status(api: str, request: ReportRequest) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=api, timeout=30) as client, asyncio.timeout(_EXTRA_SECONDS):
        # The database may still be recovering after the outage, when all programs reconnect.
        while (answer := await client.get(f"/api/workflows/{request.report_id}/status")).status_code != httpx.codes.OK:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)
    body: dict[str, Any] = answer.json()
    if body["status"] not in FINAL:
        body["error"] = {"code": "not_ended"}
    return body


def as_markdown(command: str, run: OutageRun) -> str:
    """The page."""
    held = all(not one.broken for one in run.results) and bool(run.results)
    lines = [
        "| outage | lasts | class | workers killed | report | after | billed | told | possible extra | held |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in sorted(run.results, key=lambda one: (one.outage.name, one.provider_class, one.is_killed)):
        lasts = f"{one.outage.seconds * run.options.pace:g} s"
        cells = [one.outage.sentence, lasts, one.provider_class, one.kills, one.status, f"{one.seconds:.0f} s"]
        cells += [
            one.billed,
            one.settled,
            one.possible_extra,
            "**NO**: " + "; ".join(one.broken) if one.broken else "yes",
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    head = f"# Outages of the provider: {'every promise held' if held else 'NOT HELD'}"
    summary = f"{len(run.results)} reports in {run.seconds:.0f} s, all side by side; "
    summary += "billed is what the provider's own log says."
    return "\n\n".join([head, f"`{command}`", summary, "\n".join(lines)]) + "\n"
