"""A worker inside the test, on a real Temporal server, a real database and the real simulator; any part can be replaced."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from durable_research import catalogue, policies, queues
from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.ledger.ledger import PostgresLedger
from durable_research.adapters.database.log.progress import PostgresProgressLog
from durable_research.adapters.database.rows.named_objects import PostgresNamedObjects
from durable_research.adapters.database.rows.reports import PostgresReports
from durable_research.adapters.database.rows.workflows import PostgresWorkflows
from durable_research.adapters.models.openai_chat import OpenAIChat
from durable_research.adapters.notifiers.slack import SlackNotifier
from durable_research.adapters.objects.obstore import ObstoreObjects
from durable_research.bootstrap.measuring import vocabularies
from durable_research.bootstrap.operations import operations
from durable_research.bootstrap.outside import open_outside
from durable_research.bootstrap.stores import open_stores
from durable_research.bootstrap.worker_parts import Activity, worker_parts
from durable_research.catalogue import PACKAGES
from durable_research.domain.caller import LOCAL_CALLER
from durable_research.domain.documents.tree import Document, RenderedDocument, plain_text
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.workflow import FINAL
from durable_research.effects.text import TextWriter
from durable_research.local.temporal.server import tuning_arguments
from durable_research.operations.approve import Approving
from durable_research.operations.cancel import Cancelling
from durable_research.operations.decide import Deciding
from durable_research.operations.reading.paid_text import PaidTexts
from durable_research.operations.reading.read import Reading
from durable_research.operations.resume import Resuming
from durable_research.operations.retry import Retrying
from durable_research.operations.schedule import Scheduling
from durable_research.operations.start import Starting
from durable_research.payload_keys import new_key, parse_keys
from durable_research.pipelines.accept_scheduled.activities import AcceptScheduledActivities
from durable_research.pipelines.ai_processing.activities import AIProcessingActivities
from durable_research.pipelines.blog_post.activities import BlogPostActivities
from durable_research.pipelines.generate_report.activities import GenerateReportActivities
from durable_research.pipelines.reconcile.activities import ReconcileActivities
from durable_research.settings.settings import Settings, load
from durable_research.telemetry.metric import Role
from durable_research.telemetry.registry import Registry
from durable_research.temporal import names
from durable_research.temporal.client.engine import TemporalEngine
from durable_research.temporal.payloads.converter import data_converter
from durable_research.temporal.worker.interceptors import StepInterceptor
from durable_research.temporal.worker.plugin import house_rules
from durable_research.web.api import status_answers
from durable_research.worker.registry import workflows_on
from tests.installation import PATIENCE_SECONDS, Installation

KEYS = parse_keys(new_key())
SLACK_TOKEN, SLACK_CHANNEL = "xoxb-test", "C0PIPELINES"
OnePass = TypeVar("OnePass")


class PlainRenderer:
    """Replaces the PDF's child processes: quick, with scripted failures."""

    def __init__(self) -> None:
        self._failures: list[tuple[str, Exception | str]] = []
        self.rendered: list[Document] = []

    def fail(self, about: str, *failures: Exception | str) -> None:
        """Fail the next times for the report about this: another test's, which is still under way, must not take them."""
        self._failures = [(about, failure) for failure in failures]

    async def render(self, document: Document) -> RenderedDocument:
        mine = next((each for each in self._failures if each[0].lower() in document.title.lower()), None)
        if mine:
            self._failures.remove(mine)
            if isinstance(mine[1], Exception):
                raise mine[1]
            await asyncio.sleep(3600)
        self.rendered.append(document)
        return RenderedDocument(plain_text(document).encode(), "text/plain", 1)


class FailingReports(PostgresReports):
    """Stores nothing while it is broken."""

    broken = False

    async def store(self, report: Any, tenant: str, attempt: Any) -> None:
        if self.broken:
            raise ValueError("a bug of ours")
        await super().store(report, tenant, attempt)


@dataclass
class Harness:
    """Everything in one process, with accessors for tests."""

    servers: Installation
    workflows: PostgresWorkflows
    progress: PostgresProgressLog
    starting: Starting
    reading: Reading
    cancelling: Cancelling
    deciding: Deciding
    scheduling: Scheduling
    approving: Approving
    retrying: Retrying
    resuming: Resuming
    paid: PaidTexts
    engine: TemporalEngine
    reports: FailingReports
    renderer: PlainRenderer
    activities: Mapping[str, Sequence[Activity]]
    environment: WorkflowEnvironment
    report: GenerateReportActivities
    post: BlogPostActivities
    processing: AIProcessingActivities
    writer: TextWriter
    ledger: PostgresLedger
    reconcile: ReconcileActivities
    accept: AcceptScheduledActivities
    objects: ObstoreObjects
    objects_folder: Path
    named: PostgresNamedObjects
    database: Database
    meter: Registry
    steps: dict[str, policies.StepPolicy] = field(default_factory=lambda: dict(catalogue.policies()))
    patience: policies.Patience = field(default_factory=policies.Patience)
    workers: AsyncExitStack = field(default_factory=AsyncExitStack)

    def pass_of(self, kind: type[OnePass]) -> OnePass:
        """The pass of reconciliation that is of this class."""
        return next(one for one in self.reconcile.passes if isinstance(one, kind))

    async def submit(self, prompt: str, pipeline: str = "generate-report", **more: Any) -> str:
        started = await self.starting.start(pipeline, {"prompt": prompt, **more}, caller=LOCAL_CALLER)
        return started.row.workflow_id

    async def status(self, report: str) -> dict[str, Any]:
        """The status body as JSON: a missing key fails the test."""
        return {**status_answers.status(await self.reading.status(report, LOCAL_CALLER))}

    async def result(self, report: str) -> Mapping[str, Any]:
        """The result as JSON."""
        return status_answers.result(await self.reading.result(report, LOCAL_CALLER))

    async def until(self, report: str, *statuses: str) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                status = await self.status(report)
                if status["status"] in statuses:
                    return status
                await asyncio.sleep(0.05)

    async def finished(self, report: str) -> dict[str, Any]:
        return await self.until(report, *FINAL)

    async def text(self, report: str) -> str:
        row = await self.reports.get(WorkflowRef(report, "default"))
        return (await self.report.objects.get(row.text.key)).decode()

    async def until_step(self, report: str, name: str, state: str) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.step(await self.status(report), name)["state"] != state:
                await asyncio.sleep(0.05)

    async def kinds(self, report: str, step: str) -> list[str]:
        return [str(event.kind) for event in await self.progress.read(report) if event.step == step]

    @staticmethod
    def step(status: dict[str, Any], name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(step for step in status["steps"] if step["name"] == name)
        return found

    def fault(self, match: str, **what: object) -> None:
        self.servers.simulator("faults", {"match": match, **what})

    async def start_workers(
        self, identity: str = "tester@1", client: Client | None = None, queues: Sequence[str] = queues.QUEUES
    ) -> None:
        client = client or self.environment.client
        interceptor = StepInterceptor(self.progress, identity, self.steps, self.patience, self.meter)
        plugin = house_rules(PACKAGES, client.data_converter, [interceptor])
        for queue in queues:
            worker = Worker(
                client,
                task_queue=queue,
                workflows=workflows_on(queue),
                activities=self.activities[queue],
                plugins=[plugin],
                sticky_queue_schedule_to_start_timeout=policies.STICKY_TIMEOUT,
                max_heartbeat_throttle_interval=policies.HEARTBEAT_EVERY,
                default_heartbeat_throttle_interval=policies.HEARTBEAT_EVERY,
            )
            await self.workers.enter_async_context(worker)

    async def forget(self, workflow_id: str) -> None:
        """Have the engine lose a workflow, as a server that lost its database has."""
        client = self.environment.client
        lost = WorkflowExecution(workflow_id=workflow_id)
        await client.workflow_service.delete_workflow_execution(
            DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=lost)
        )
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.engine.describe(workflow_id) is not None:
                await asyncio.sleep(0.05)

    async def begin_again(self, workflow_id: str) -> None:
        """Submit a lost workflow to the engine again, as reconciliation does."""
        await self.starting.submit(await self.workflows.get(WorkflowRef(workflow_id, "default")))

    async def stop_workers(self) -> None:
        await self.workers.aclose()
        self.workers = AsyncExitStack()


@pytest.fixture(scope="package", autouse=True)
def patient() -> Iterator[None]:
    """A late answer on a busy machine is neither a lost worker nor an outage: these tests kill no process."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HEARTBEAT_TIMEOUT", "SEND_WITHIN", "ENGINE_ANSWER", "ENGINE_START", "ENGINE_UPDATE"):
            patch.setattr(policies, name, timedelta(seconds=15))
        yield


@pytest.fixture(scope="session")
async def environment(
    temporal_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal server of these tests' own, so that no other worker takes their tasks."""
    async with await start_temporal(temporal_program, tmp_path_factory.mktemp("temporal")) as environment:
        yield environment


async def start_temporal(program: Path, folder: Path) -> WorkflowEnvironment:
    """A Temporal server as an installation has it."""
    return await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(program),
        dev_server_database_filename=str(folder / "temporal.db"),
        dev_server_extra_args=tuning_arguments(),
        data_converter=data_converter(KEYS, "default"),
        search_attributes=[SearchAttributeKey.for_keyword(name) for name in names.SEARCH_ATTRIBUTES],
    )


@pytest.fixture(scope="session")
async def harness(
    servers: Installation, environment: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Harness]:
    async with open_harness(servers, environment, tmp_path_factory.mktemp("objects")) as harness:
        yield harness


@asynccontextmanager
async def open_harness(servers: Installation, environment: WorkflowEnvironment, folder: Path) -> AsyncIterator[Harness]:
    """A harness with workers, on this Temporal server and with its objects in this folder."""
    settings = settings_of(servers, folder)
    async with AsyncExitStack() as stack:
        meter = Registry(Role.WORKER, vocabularies(settings))
        stores = open_stores(settings, stack, meter)
        reports, renderer = FailingReports(stores.database), PlainRenderer()
        stores = replace(stores, reports=reports)
        outside = await open_outside(settings, (), stack)
        slack = SlackNotifier(settings.slack_api_url, SLACK_TOKEN, SLACK_CHANNEL, settle_seconds=1.0)
        outside = replace(outside, renderer=renderer, notifiers={**outside.notifiers, "slack": slack})
        can = operations(settings, stores, environment.client, stack)
        parts = worker_parts(settings, "tester@1", stores, outside, can.starting, meter)
        report = parts.holder(GenerateReportActivities)
        harness = Harness(
            servers=servers,
            workflows=stores.workflows,
            progress=stores.progress,
            starting=can.starting,
            reading=can.reading,
            cancelling=can.cancelling,
            deciding=can.deciding,
            scheduling=can.scheduling,
            approving=can.approving,
            retrying=can.retrying,
            resuming=can.resuming,
            paid=can.resuming.texts,
            engine=TemporalEngine(environment.client),
            reports=reports,
            renderer=renderer,
            activities=parts.activities,
            environment=environment,
            report=report,
            post=parts.holder(BlogPostActivities),
            processing=parts.holder(AIProcessingActivities),
            writer=report.writer,
            ledger=stores.ledger,
            reconcile=parts.holder(ReconcileActivities),
            accept=parts.holder(AcceptScheduledActivities),
            objects=stores.objects,
            objects_folder=folder,
            named=stores.named_objects,
            database=stores.database,
            meter=meter,
        )
        await harness.start_workers()
        yield harness
        await harness.stop_workers()


def settings_of(servers: Installation, objects: Path) -> Settings:
    """As an operator would have it, with the simulator for the world outside."""
    simulator = servers.up["simulator"]
    return load(
        database_url=servers.up["database"],
        object_store_url=f"file://{objects}",
        provider="simulator",
        openai_base_url=f"{simulator}/v1",
        openai_api_key="k",
        openai_model="simulator-research",
        openai_embedding_base_url=f"{simulator}/v1",
        openai_embedding_api_key="k",
        openai_embedding_model="simulator-embedding",
        webhook_url=f"{simulator}/sink/webhook",
        allow_unsafe_webhooks=True,
        smtp_url=servers.up["smtp"],
        email_from="reports@example.org",
        email_to="operator@example.org",
        slack_api_url=f"{simulator}/api/",
        slack_bot_token=SLACK_TOKEN,
        slack_channel=SLACK_CHANNEL,
    )


@pytest.fixture
async def harness_without_lookup(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Harness]:
    """The same with a provider without lookups: plain chat completions."""
    model = OpenAIChat(
        deadlines=policies.CALL_DEADLINES,
        base_url=f"{harness.servers.up['simulator']}/v1",
        api_key="k",
        model="simulator-research",
        provider="simulator",
        is_demo=True,
        stored=False,
    )
    monkeypatch.setattr(harness.writer, "model", model)
    yield harness
    await model.close()


@pytest.fixture
def quick_retries(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same caps with short waits: there is no time-skipping server here."""
    for name, policy in harness.steps.items():
        monkeypatch.setitem(harness.steps, name, replace(policy, first_wait=0.05, longest_wait=0.2))
    monkeypatch.setattr(policies, "FIRST_POLL_AFTER", timedelta(seconds=0.05))
    monkeypatch.setattr(policies, "POLL_AT_MOST_EVERY", timedelta(seconds=0.2))
    monkeypatch.setattr(policies, "SERVER_ERROR_WAIT", timedelta(seconds=0.05))


@pytest.fixture
async def harness_with_short_wait(harness: Harness) -> AsyncIterator[Harness]:
    """The same harness with workers that wait two seconds for a provider."""
    await harness.stop_workers()
    harness.patience = policies.Patience(timedelta(seconds=2))
    await harness.start_workers()
    yield harness
    await harness.stop_workers()
    harness.patience = policies.Patience()
    await harness.start_workers()
