"""What operators see of the tables, on the real ones."""

import secrets
from datetime import UTC, datetime

import pytest

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.ledger.ledger import PostgresLedger
from durable_research.adapters.database.log.progress import PostgresProgressLog
from durable_research.adapters.database.rows.overview import PostgresOverview
from durable_research.adapters.database.rows.workers import PostgresWorkerRegistry
from durable_research.domain.ledger.effects import Effect, EffectKind, ProviderClass
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.events import AttemptFailed, EventKind
from durable_research.domain.workflows.progress import EngineAttempt
from durable_research.domain.workflows.workflow import Status
from durable_research.ports.database.overview import Today, WorkState
from durable_research.ports.database.workers import WorkerRow
from tests.adapters.database.rows import accepted

BUSY = {"code": "model_busy", "detail": "busy"}


@pytest.fixture
def tenant() -> str:
    """A tenant of this test alone: the tests share a database."""
    return secrets.token_hex(8)


@pytest.fixture
def overview(database: Database) -> PostgresOverview:
    return PostgresOverview(database)


async def failing(database: Database, tenant: str, *, asks: bool = False) -> str:
    """A workflow whose step failed: it is retried, or a person is asked."""
    workflow_id = await accepted(database, tenant=tenant)
    log = PostgresProgressLog(database)
    attempt = await log.begin_attempt(workflow_id, "generate_content", "worker-1@1", EngineAttempt("run", 1))
    await log.end_attempt(
        attempt, EventKind.ATTEMPT_FAILED, AttemptFailed(error=BUSY, final=asks, asks_a_person=asks, retry_in_seconds=1)
    )
    return workflow_id


async def sent(database: Database, tenant: str, *, fence: int = 1) -> str:
    """A workflow with a send without an outcome, of its first attempt; `fence` is the newest attempt's."""
    workflow_id = await accepted(database, tenant=tenant)
    effect = Effect(
        WorkflowRef(workflow_id, tenant), "llm_call", EffectKind.MODEL_CALL, "sim", ProviderClass.LOCKED, {}
    )
    ledger = PostgresLedger(database)
    await ledger.claim(effect, 1)
    await ledger.open_send(effect, 1, None, earlier=None)
    if fence > 1:
        await ledger.claim(effect, fence)
    return workflow_id


async def test_work_is_listed_by_why_it_waits(database: Database, overview: PostgresOverview, tenant: str) -> None:
    retried, asked = await failing(database, tenant), await failing(database, tenant, asks=True)
    called, lost = await sent(database, tenant), await sent(database, tenant, fence=2)

    work = await overview.work(tenant)

    found = {state: {(item.workflow_id, item.detail) for item in listed.oldest} for state, listed in work.items()}
    assert found == {
        WorkState.WAITING: {(asked, "model_busy")},
        WorkState.RETRYING: {(retried, "model_busy")},
        # None of them was delivered to Temporal.
        WorkState.NOT_STARTED: {(one, "") for one in (retried, asked, called, lost)},
        # The newest attempt's open send is a call under way.
        WorkState.UNRESOLVED: {(lost, "llm_call")},
    }


async def test_the_oldest_five_are_listed_and_all_are_counted(
    database: Database, overview: PostgresOverview, tenant: str
) -> None:
    accepted_in_order = [await accepted(database, tenant=tenant) for _ in range(7)]

    waiting = (await overview.work(tenant))[WorkState.NOT_STARTED]

    assert waiting.number == 7
    assert [item.workflow_id for item in waiting.oldest] == accepted_in_order[:5]


async def test_another_tenants_work_is_neither_listed_nor_counted(
    database: Database, overview: PostgresOverview, tenant: str
) -> None:
    await accepted(database, tenant="other")
    await accepted(database, tenant="other", status=Status.FAILED)

    assert {listed.number for listed in (await overview.work(tenant)).values()} == {0}
    assert await overview.today(tenant) == Today()


async def test_workflows_of_today_are_counted_by_how_they_stand(database: Database, overview: PostgresOverview) -> None:
    day = None
    while day != datetime.now(UTC).date():  # again if midnight has passed meanwhile
        day, tenant = datetime.now(UTC).date(), secrets.token_hex(8)
        for status in (Status.DONE, Status.DONE, Status.PARTLY_DONE, Status.FAILED, Status.CANCELLED):
            await accepted(database, tenant=tenant, status=status)
        await failing(database, tenant)
        await failing(database, tenant, asks=True)
        today = await overview.today(tenant)

    assert today == Today(done=3, running=1, waiting=1, failed=1)


async def test_the_versions_are_the_servers_and_the_newest_schema(overview: PostgresOverview) -> None:
    versions = await overview.versions()

    assert versions.schema == versions.newest_schema
    assert versions.server.split(".")[0].isdigit()
    assert versions.pgvector


async def test_a_workers_build_and_slots_follow_its_latest_beat(database: Database) -> None:
    registry, name = PostgresWorkerRegistry(database), secrets.token_hex(8)
    for build, slots in (("0.1.0+old", {"research": 50}), ("0.1.0+new", {"research": 10, "documents": 1})):
        row = WorkerRow(f"{name}@1", name, 1, "here", ("research",), datetime.now(UTC), build=build, slots=slots)
        await registry.heartbeat(row)

    known = {one.worker.identity: one.worker for one in await registry.known()}[f"{name}@1"]
    assert (known.build, known.slots) == ("0.1.0+new", {"research": 10, "documents": 1})
