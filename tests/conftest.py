"""Fixtures for every test: real servers, started once."""

import os
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.ledger.ledger import PostgresLedger
from durable_research.adapters.database.log.drafts import PostgresDrafts
from durable_research.adapters.database.log.progress import PostgresProgressLog
from durable_research.adapters.database.migrate import upgrade
from durable_research.adapters.database.rows.workflows import PostgresWorkflows
from durable_research.domain.workflows.workflow import Kind, new_workflow_id
from durable_research.local.temporal.binary import find_temporal
from durable_research.ports.database.workflows import NewWorkflow
from durable_research.telemetry import tracing
from durable_research.telemetry.otlp import OtlpTracer
from tests import contract
from tests.collector import Collector, collecting
from tests.installation import Installation

# A setting in the environment of the test run must not change what is tested.
for name in [name for name in os.environ if name.startswith(("DURABLE_RESEARCH_", "OPENAI_", "OTEL_"))]:
    del os.environ[name]
for name in (
    "TEMPORAL_ADDRESS",
    "TEMPORAL_NAMESPACE",
    "DATABASE_URL",
    "OBJECT_STORE_URL",
    "OBJECT_STORE_ENDPOINT",
    "PAYLOAD_KEYS",
    "PAYLOAD_KEYS_FILE",
):
    os.environ.pop(name, None)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture
def tracer(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> Iterator[OtlpTracer]:
    """Spans of this process go to the collector; a test flushes them."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    tracer = OtlpTracer("tester@1", "1.2.3")
    with tracing.installed(tracer):
        yield tracer
    tracer.close()


_OUR_REQUEST = re.compile("[0-9a-f]{16}")


@pytest.fixture(autouse=True)
def every_answer_is_as_described() -> Iterator[None]:
    """The API's answers in this test match its OpenAPI document."""
    contract.WRONG.clear()
    yield
    assert contract.WRONG == []


@pytest.fixture(scope="session", autouse=True)
def answers_are_noted() -> Iterator[None]:
    """Also those of real processes, which tests call by httpx; the simulator names its requests otherwise."""
    send, send_async = httpx.Client.send, httpx.AsyncClient.send

    def noted(response: httpx.Response) -> httpx.Response:
        request = response.request
        if _OUR_REQUEST.fullmatch(response.headers.get("x-request-id", "")) and contract.is_of_the_api(
            request.url.path
        ):
            body = response.content if response.is_stream_consumed else None
            contract.note(request.method, request.url.path, response.status_code, response.headers, body)
        return response

    async def send_async_and_note(client: httpx.AsyncClient, request: httpx.Request, **more: Any) -> httpx.Response:
        return noted(await send_async(client, request, **more))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx.Client, "send", lambda *arguments, **more: noted(send(*arguments, **more)))
        patch.setattr(httpx.AsyncClient, "send", send_async_and_note)
        yield


@pytest.fixture(scope="session")
def temporal_program() -> Path:
    """The same temporal program that `up` uses."""
    return find_temporal(print)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """PostgreSQL, Temporal and the simulator, without our workers and API."""
    with Installation(tmp_path_factory.mktemp("servers"), only="postgres,temporal,simulator") as installation:
        installation.latency(0)
        yield installation


@pytest.fixture(scope="session")
def database_url(servers: Installation) -> str:
    """A separate migrated database: the pipelines' reconciliation would start rows that the engine does not have."""
    server = str(servers.up["database"]).rsplit("/", 1)[0]
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE rows_alone")
    upgrade(f"{server}/rows_alone")
    return f"{server}/rows_alone"


@pytest.fixture(scope="session")
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def workflows(database: Database) -> PostgresWorkflows:
    return PostgresWorkflows(database)


@pytest.fixture
def progress(database: Database) -> PostgresProgressLog:
    return PostgresProgressLog(database)


@pytest.fixture
def drafts(database: Database) -> PostgresDrafts:
    return PostgresDrafts(database)


@pytest.fixture
def ledger(database: Database) -> PostgresLedger:
    return PostgresLedger(database)


def new_report(tenant: str = "default", key: str | None = None, fingerprint: str = "one") -> NewWorkflow:
    workflow_id = new_workflow_id(Kind.REPORT, int(datetime.now(UTC).timestamp() * 1000), secrets.token_bytes(10))
    return NewWorkflow(workflow_id, Kind.REPORT, tenant, "Tides", {"prompt": "tides?"}, key, fingerprint)


@pytest.fixture
async def report(workflows: PostgresWorkflows) -> str:
    """The id of an accepted report."""
    row, _ = await workflows.accept(new_report())
    return row.workflow_id
