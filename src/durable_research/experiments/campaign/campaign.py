"""One campaign: a separate installation under load, faults from a seed, a quiet phase, then evidence for the checker."""

import asyncio
import os
import random
import secrets
import shutil
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
from temporalio.client import Client as TemporalClient

from durable_research.catalogue import PIPELINES
from durable_research.experiments.campaign import resumes
from durable_research.experiments.campaign.collection import collect
from durable_research.experiments.campaign.load import Load
from durable_research.experiments.campaign.nemesis import WEIGHTS, Fault, Injector, in_a_row, plan_faults
from durable_research.experiments.campaign.resuming import Failures, Resumer, with_api_deaths
from durable_research.experiments.crash_points import API_OF_CLASS
from durable_research.experiments.evidence.client import Client, ReportRequest, report_request, word_prefix
from durable_research.experiments.evidence.evidence import PROVIDER, Evidence
from durable_research.experiments.evidence.proof import billing_lines
from durable_research.experiments.evidence.quirks import draw_quirk
from durable_research.experiments.installations.proxy import Proxy
from durable_research.failpoints.reach import FAILPOINTS_VARIABLE
from durable_research.local.console import Say
from durable_research.local.data_folder import DataFolder
from durable_research.local.edition import Finished, run_edition
from durable_research.local.plan import SIMULATOR, UpOptions
from durable_research.local.postgres import server
from durable_research.local.processes.supervisor import Pace, Supervisor
from durable_research.local.up import Up

FAULT_LOG = "faults.jsonl"
# Quicker than in production, so that the backoff after the hundredth kill of a role is no longer than after the first.
_PACE = Pace(first_backoff_seconds=1.0, longest_backoff_seconds=2.0)
_PROGRESS_EVERY_SECONDS = 10.0
# The longest that an accepted report may take once all faults are over.
PATIENCE_SECONDS = 600.0
_WEBHOOK_SECRET = "DURABLE_RESEARCH_WEBHOOK_SECRET"  # noqa: S105 - its name
_API = "OPENAI_API"


@dataclass(frozen=True)
class Options:
    """The campaign's options. `outage` is a role and seconds; `killed_in_a_row` kills of the same worker follow it."""

    reports: int
    kills: int
    seed: int
    data: Path
    workers: int = 2
    pauses: int | None = None  # None: a quarter of the kills
    cuts: int | None = None  # of the connection to the provider; None: an eighth of the kills
    mean_gap_seconds: float = 4.0
    at_once: int = 12
    latency_seconds: float = 1.0
    outage: tuple[str, float] | None = None
    killed_in_a_row: int = 0
    replays: int = 100
    provider_class: str = "L"
    pipeline: str = "generate-report"
    quirks: bool = True
    resume: bool = False  # reports that failed, in every way of `resumes.py`, before the first fault

    @property
    def api(self) -> str:
        """The setting OPENAI_API."""
        return API_OF_CLASS[self.provider_class]

    @property
    def settings(self) -> dict[str, str]:
        """Further settings of all processes."""
        resuming = {**resumes.SETTINGS, FAILPOINTS_VARIABLE: resumes.rule(self.reports)} if self.resume else {}
        return {_API: self.api, **resuming}

    def faults(self) -> list[Fault]:
        """The planned faults, in order; with `resume` none hits the provider, whose outage would make reports fail."""
        pauses = self.kills // 4 if self.pauses is None else self.pauses
        cuts = self.kills // 8 if self.cuts is None else self.cuts
        weights = {role: weight for role, weight in WEIGHTS.items() if not (self.resume and role == PROVIDER)}
        cuts = 0 if self.resume else cuts
        outages = [Fault(self.outage[0], "outage", 2.0, self.outage[1])] if self.outage else []
        planned = plan_faults(self.seed, self.kills, pauses, cuts, self.mean_gap_seconds, weights)
        return [*outages, *in_a_row(self.killed_in_a_row), *planned]


@dataclass
class Campaign:
    """Runs once; `evidence` and `seconds` are set afterwards."""

    options: Options
    say: Say
    evidence: Evidence | None = None
    seconds: float = 0.0
    secrets: dict[str, str] = field(default_factory=dict)
    _supervisor: Supervisor | None = None
    _network: Proxy = field(default_factory=lambda: Proxy(""))
    _cutting: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self) -> None:
        """Start everything, run load and faults, collect the evidence, stop everything."""
        options = self.options
        key = f"sk-canary-{secrets.token_hex(12)}"
        webhook = f"whsec_{secrets.token_hex(16)}"
        self.secrets = {"the model key": key, "the webhook's secret": webhook.removeprefix("whsec_")}
        self.secrets["a prompt"] = f"canary{secrets.token_hex(12)}"
        os.environ[_WEBHOOK_SECRET] = webhook
        os.environ.update(options.settings)
        await self._network.restore()
        up = UpOptions(
            data=options.data,
            port=0,
            workers=options.workers,
            pace=_PACE,
            simulator_key=key,
            model_address=self._network.url,
            simulator_program=(
                *SIMULATOR,
                *("--latency-seconds", str(options.latency_seconds)),
                *(("--honour-idempotency-key",) * (options.provider_class == "K")),
            ),
        )
        code = await run_edition(up, self.say, self._run_load_and_faults, supervised=self._set_supervisor)
        await self._network.cut()
        if code:
            raise RuntimeError("the installation did not start; see above")

    def _set_supervisor(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    async def _run_load_and_faults(self, up: Up) -> None:
        options, began = self.options, time.monotonic()
        self._network.target = up.required_simulator.url
        requests = self._requests()
        await _prepare_simulator(up.required_simulator.url, requests)
        faults = options.faults()
        data = DataFolder(options.data)
        client = Client(up.api)
        if options.resume:
            client = await self._fail_all(requests, up, data)
        load = Load(client, requests, options.at_once, lambda number: self._may_submit(number, load, injector, faults))
        log = data.root / FAULT_LOG
        injector = Injector(faults, data, log, lambda: load.in_flight, self._hold, self._cut, self.say)
        progress = asyncio.create_task(self._report_progress(load, injector))
        try:
            loading = asyncio.create_task(load.run())
            await _until_first(injector.run(), loading)
            self.say(f"all {len(faults)} faults are over; waiting for {load.in_flight} reports in flight")
            await asyncio.wait([loading], timeout=PATIENCE_SECONDS)
            loading.cancel()
            await asyncio.gather(loading, return_exceptions=True)
        finally:
            progress.cancel()
            await client.close()
        self.seconds = time.monotonic() - began
        self.say("collecting the evidence")
        password = up.database.split(":", 2)[2].split("@")[0]
        # The word of every report is in its title, and the title in its input to Temporal.
        sealing = data.payload_keys.read_text().strip().partition(":")[2]
        searched = self.secrets | {"the database's password": password, "the key that seals": sealing}
        searched["a title"] = word_prefix(options.seed)
        sample = random.Random(options.seed)  # noqa: S311 - repeatable
        evidence = await collect(up, data, load, injector.fired, faults, searched, sample, options.replays)
        if options.resume:
            evidence = with_api_deaths(evidence, data)
        self.evidence = replace(evidence, provider_class=options.provider_class, noun=PIPELINES[options.pipeline].noun)
        raise Finished

    def _requests(self) -> list[ReportRequest]:
        options = self.options
        requests = [
            report_request(number, options.seed, self.secrets["a prompt"], pipeline=options.pipeline)
            for number in range(options.reports)
        ]
        if options.resume:
            return [resumes.failing_for(one.number, options.api).as_request(one) for one in requests]
        rng = random.Random(f"the quirks of {options.seed}")  # noqa: S311 - repeatable
        for one in requests if options.quirks else []:
            one.quirk = draw_quirk(rng, options.api, options.pipeline)
        return requests

    async def _fail_all(self, requests: list[ReportRequest], up: Up, data: DataFolder) -> Resumer:
        """Make all reports fail while no process dies; return the client that resumes them."""
        client = Resumer(up.api)
        engine = await TemporalClient.connect(up.temporal)
        self.say(f"having {len(requests)} reports fail")
        await Failures(client, self._network, engine, lambda word: _is_billed(data, word)).fail_all(requests)
        async with httpx.AsyncClient(base_url=f"{up.required_simulator.url}/control", timeout=30) as control:
            (await control.delete("/faults")).raise_for_status()
        return client

    def _may_submit(self, number: int, load: Load, injector: Injector, faults: list[Fault]) -> bool:
        """Hold back some reports for the last fault: the load must last as long as the faults do."""
        lead = min(self.options.at_once, self.options.reports // 4)
        share = injector.begun / len(faults) if faults else 1.0
        return number < lead + share * (self.options.reports - lead) or not load.pending

    async def _hold(self, name: str, seconds: float) -> None:
        if self._supervisor is not None:
            await self._supervisor.hold_down(name, seconds)

    async def _cut(self, seconds: float) -> None:
        """Cut the connection to the provider for a while; one cut at a time."""
        async with self._cutting:
            await self._network.cut()
            await asyncio.sleep(seconds)
            await self._network.restore()

    async def _report_progress(self, load: Load, injector: Injector) -> None:
        while True:
            await asyncio.sleep(_PROGRESS_EVERY_SECONDS)
            self.say(
                f"{load.ended} of {len(load.requests)} reports ended, {load.in_flight} in flight, "
                f"{injector.begun} faults so far"
            )


async def _until_first(faults: Awaitable[None], loading: "asyncio.Task[None]") -> None:
    """Wait until the faults are over, or the load is: then no work is left for faults to hit."""
    firing = asyncio.ensure_future(faults)
    await asyncio.wait([firing, loading], return_when=asyncio.FIRST_COMPLETED)
    if not firing.done():
        firing.cancel()
    await asyncio.gather(firing, return_exceptions=loading.done())


async def _prepare_simulator(simulator: str, requests: list[ReportRequest]) -> None:
    """Set the quirk of each report before the first fault; the simulator stores them, so they survive its kill."""
    faults = [fault for one in requests if one.quirk for fault in one.quirk.fault_requests(one.word)]
    async with httpx.AsyncClient(base_url=f"{simulator}/control", timeout=30) as client:
        for fault in faults:
            (await client.post("/faults", json=fault)).raise_for_status()


def _is_billed(data: DataFolder, word: str) -> bool:
    lines = billing_lines(data.billing_log)
    return any(line["kind"] == "model_call" and word in line["text"].split() for line in lines)


def discard(data: Path) -> None:
    """Remove the installation, with the database that is outside its folder when we are root."""
    folder = DataFolder(data)
    if folder.postgres.exists():
        shutil.rmtree(server.open_instance(folder).folder, ignore_errors=True)
    shutil.rmtree(folder.root, ignore_errors=True)
