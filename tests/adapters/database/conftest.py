"""The real database."""

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.drafts import PostgresDrafts
from durable_research.adapters.database.effects import PostgresEffects
from durable_research.adapters.database.progress import PostgresProgressLog
from durable_research.adapters.database.workflows import PostgresWorkflows
from durable_research.domain.workflow import Kind, new_workflow_id
from durable_research.ports.workflows import NewWorkflow


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
def ledger(database: Database) -> PostgresEffects:
    return PostgresEffects(database)


def new_report(tenant: str = "default", key: str | None = None, fingerprint: str = "one") -> NewWorkflow:
    workflow_id = new_workflow_id(Kind.REPORT, int(datetime.now(UTC).timestamp() * 1000), secrets.token_bytes(10))
    return NewWorkflow(workflow_id, Kind.REPORT, tenant, "Tides", {"prompt": "tides?"}, key, fingerprint)


@pytest.fixture
async def report(workflows: PostgresWorkflows) -> str:
    """The id of an accepted report."""
    row, _ = await workflows.accept(new_report())
    return row.workflow_id
