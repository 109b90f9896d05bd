"""A slot: one of several small installations side by side, which runs one report after another.

It has its own database, Temporal namespace, data folder, API and workers; the servers and the provider of its class are
shared. It runs the same programs as `up`, with the same kinds of settings.
"""

import asyncio
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client as TemporalClient
from temporalio.service import RPCError, RPCStatusCode

from durable_research.experiments.crash_points import API_OF_CLASS, Cell
from durable_research.experiments.installations.fork_client import ForkClient
from durable_research.experiments.installations.restarted_process import RestartedProcess
from durable_research.failpoints.reach import FAILPOINTS_VARIABLE, HITS_FILE
from durable_research.local.postgres.server import DATABASE
from durable_research.local.processes import readiness
from durable_research.local.simulator_settings import simulator_settings
from durable_research.telemetry.logs import WORKER_READY
from durable_research.temporal import names
from durable_research.temporal.client.preparing import RETENTION, prepare

_READY_SECONDS = 60.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Provider:
    """The simulator of one class, and its billing log."""

    url: str
    billing_log: Path
    smtp_port: int


@dataclass(frozen=True)
class SharedParts:
    """The parts that all slots share. `base` is the user's environment, without our settings."""

    database_url: str
    temporal: str
    providers: Mapping[str, Provider]
    forks: ForkClient
    base: Mapping[str, str]
    settle_seconds: float
    longest_call_seconds: float
    payload_keys: Path


@dataclass(eq=False)  # compared by identity: a key of dictionaries
class Slot:
    """Prepared once, then it runs one cell after another."""

    number: int
    folder: Path
    port: int
    shared: SharedParts
    api: RestartedProcess | None = None
    workers: list[RestartedProcess] = field(default_factory=list)
    temporal: TemporalClient | None = None

    @property
    def name(self) -> str:
        """The name of its database and namespace."""
        return f"slot_{self.number}"

    @property
    def url(self) -> str:
        """The address of its API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def database_url(self) -> str:
        """Its own database on the shared server."""
        return self.shared.database_url.rsplit("/", 1)[0] + f"/{self.name}"

    @property
    def objects(self) -> Path:
        return self.folder / "objects"

    @property
    def hits_file(self) -> Path:
        """The file in which its processes log the failpoints that they reached."""
        return self.folder / HITS_FILE

    async def prepare(self) -> None:
        """Create its database (a copy of the migrated one), namespace and folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.objects.mkdir(parents=True)
        admin = self.shared.database_url.rsplit("/", 1)[0] + "/postgres"
        async with await psycopg.AsyncConnection.connect(admin, autocommit=True) as connection:
            await connection.execute(f"CREATE DATABASE {self.name} TEMPLATE {DATABASE}".encode())
        service = (await TemporalClient.connect(self.shared.temporal)).workflow_service
        registration = RegisterNamespaceRequest(namespace=self.name)
        registration.workflow_execution_retention_period.FromTimedelta(RETENTION)
        await service.register_namespace(registration)
        self.temporal = await TemporalClient.connect(self.shared.temporal, namespace=self.name)
        await self._until("the namespace", self._prepared)

    async def _prepared(self) -> bool:
        """Whether the namespace is usable: every part of the server sees it only some seconds after its creation."""
        try:
            await prepare(self.engine())
        except RPCError as error:
            if error.status in {RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION, RPCStatusCode.UNAVAILABLE}:
                return False
            raise
        return True

    async def start_cell(self, cell: Cell, rule: str) -> None:
        """Start the API and the workers that this cell needs; a freeze needs a second worker to take over."""
        workers = 2 if cell.point.act == "freeze" else 1
        await self.start(cell.model_class, workers, {FAILPOINTS_VARIABLE: rule})

    async def start(self, model_class: str, workers: int, more: Mapping[str, str]) -> None:
        """Start its API and `workers` workers, with `more` settings, and wait until all are ready."""
        environment = {**self.environment(model_class), **more}
        arguments = ("api", "--host", "127.0.0.1", "--port", str(self.port))
        self.api = RestartedProcess(self.shared.forks, arguments, environment, self.folder / "api.log")
        self.workers = [
            RestartedProcess(self.shared.forks, ("worker", "--name", name), environment, self.folder / f"{name}.log")
            for name in (f"worker-{number}" for number in range(1, workers + 1))
        ]
        ready_before = [self._ready_count(worker) for worker in self.workers]
        await asyncio.gather(self.api.start(), *(worker.start() for worker in self.workers))
        await self._until("the API", lambda: readiness.answers("127.0.0.1", self.port, "/livez"))
        for worker, before in zip(self.workers, ready_before, strict=True):
            await self._until("a worker", lambda worker=worker, before=before: self._is_ready(worker, before))

    async def stop_workers(self) -> None:
        """Let its workers drain and exit."""
        await asyncio.gather(*(worker.stop() for worker in self.workers))
        self.workers = []

    async def stop_api(self) -> None:
        """Stop its API; the next cell gets new processes."""
        if self.api is not None:
            await self.api.stop()
        self.api = None

    def engine(self) -> TemporalClient:
        if self.temporal is None:
            raise RuntimeError("the slot is not prepared")
        return self.temporal

    def environment(self, model_class: str) -> dict[str, str]:
        provider = self.shared.providers[model_class]
        return {
            **self.shared.base,
            "DURABLE_RESEARCH_DATA": str(self.folder),
            "DATABASE_URL": self.database_url,
            "TEMPORAL_ADDRESS": self.shared.temporal,
            "TEMPORAL_NAMESPACE": self.name,
            "OBJECT_STORE_URL": self.objects.as_uri(),
            "PAYLOAD_KEYS_FILE": str(self.shared.payload_keys),
            **simulator_settings(provider.url, provider.smtp_port, slack_channel=f"C0SLOT{self.number}"),
            "OPENAI_API": API_OF_CLASS[model_class],
            "DURABLE_RESEARCH_SETTLE_SECONDS": f"{self.shared.settle_seconds:g}",
            "MODEL_LONGEST_SECONDS": f"{self.shared.longest_call_seconds:g}",
            "PYTHONUNBUFFERED": "1",
        }

    def targets(self, cell: Cell) -> list[RestartedProcess]:
        """The processes that its point may hit."""
        return self.workers if cell.point.target == "worker" else [self.api] if self.api else []

    def hits(self) -> list[dict[str, Any]]:
        """The failpoints that were reached since `clear_hits`."""
        try:
            text = self.hits_file.read_text()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def clear_hits(self) -> None:
        """Reset the count for the next run."""
        self.hits_file.unlink(missing_ok=True)

    async def refuse_once(self, cell: Cell, word: str) -> None:
        """Make the provider refuse the first call of the report with this word: the report fails without a charge."""
        fault = {"match": word, "kind": "model_call", "fault": "401"}
        async with httpx.AsyncClient(base_url=self.shared.providers[cell.model_class].url) as provider:
            (await provider.post("/control/faults", json=fault)).raise_for_status()

    async def reconcile_now(self) -> None:
        """Trigger the schedule's next pass now instead of in a minute."""
        await self.engine().get_schedule_handle(names.RECONCILE_SCHEDULE).trigger()

    @staticmethod
    def _ready_count(worker: RestartedProcess) -> int:
        return worker.log.read_text().count(WORKER_READY.name) if worker.log.exists() else 0

    async def _is_ready(self, worker: RestartedProcess, before: int) -> bool:
        return self._ready_count(worker) > before

    async def _until(self, what: str, poll: Any) -> None:
        async with asyncio.timeout(_READY_SECONDS):
            while not await poll():  # noqa: ASYNC110 - other processes cannot set our event
                await asyncio.sleep(_POLL_SECONDS)
