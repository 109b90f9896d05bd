"""What the tables count: workflows that are accepted and end, lost attempts, and what waits."""

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.ledger.ledger import PostgresLedger
from durable_research.adapters.database.log.progress import PostgresProgressLog
from durable_research.adapters.database.migrate import upgrade
from durable_research.adapters.database.rows.backlog import PostgresBacklog
from durable_research.adapters.database.rows.workers import PostgresWorkerRegistry
from durable_research.adapters.database.rows.workflows import PostgresWorkflows
from durable_research.bootstrap.measuring import vocabularies
from durable_research.domain.ledger.effects import Effect, EffectKind, ProviderClass, SendState
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.approval import ApprovalDecision, Verdict, decided_as
from durable_research.domain.workflows.events import (
    AttemptCompleted,
    AttemptFailed,
    Closed,
    EventKind,
)
from durable_research.domain.workflows.progress import EngineAttempt
from durable_research.domain.workflows.workflow import Kind, Status
from durable_research.ports.database.backlog import Backlog, Waiting
from durable_research.ports.database.workers import WorkerRow
from durable_research.settings.settings import Settings
from durable_research.telemetry.metric import Role
from durable_research.telemetry.metrics import (
    ATTEMPTS_ENDED,
    TAKE_OVER,
    WORKFLOW_PROCESSING,
    WORKFLOWS_ACCEPTED,
    WORKFLOWS_ENDED,
)
from durable_research.telemetry.registry import Registry
from tests.adapters.database.test_progress import approval_request
from tests.conftest import new_report
from tests.measured import value

ENGINE = EngineAttempt("run", 1)
BUSY = {"code": "rate_limited", "detail": "busy"}
AN_HOUR = timedelta(hours=1)


@pytest.fixture
def registry() -> Registry:
    return Registry(Role.WORKER, vocabularies(Settings()))


@pytest.fixture
def log(database: Database, registry: Registry) -> PostgresProgressLog:
    return PostgresProgressLog(database, registry)


async def test_an_accepted_workflow_counts_once_though_its_request_is_repeated(
    database: Database, registry: Registry
) -> None:
    rows, new = PostgresWorkflows(database, registry), new_report(key=secrets.token_hex(8))

    await rows.accept(new)
    await rows.accept(new)

    assert value(registry, WORKFLOWS_ACCEPTED, kind="report") == 1


async def test_an_end_counts_once_though_it_is_written_twice(
    report: str, log: PostgresProgressLog, registry: Registry
) -> None:
    await log.close(report, Status.DONE, Closed())
    await log.close(report, Status.DONE, Closed())

    labels = {"kind": "report", "outcome": "done"}
    assert (value(registry, WORKFLOWS_ENDED, **labels), value(registry, WORKFLOW_PROCESSING, **labels)) == (1, 1)


async def test_a_report_whose_row_was_stored_late_ended_once(
    report: str, log: PostgresProgressLog, registry: Registry
) -> None:
    await log.close(report, Status.PARTLY_DONE, Closed())
    await log.close(report, Status.DONE, Closed())

    ended = {
        outcome: value(registry, WORKFLOWS_ENDED, kind="report", outcome=outcome) for outcome in ("partly_done", "done")
    }
    assert ended == {"partly_done": 1, "done": 0}


async def test_a_lost_attempt_and_its_take_over_are_measured_by_the_next_one(
    report: str, log: PostgresProgressLog, registry: Registry, database: Database
) -> None:
    worker = f"worker-{secrets.token_hex(4)}@1"
    row = WorkerRow(worker, "worker-1", 1, "here", ("research",), datetime.now(UTC))
    await PostgresWorkerRegistry(database).heartbeat(row)
    await log.begin_attempt(report, "llm_call", worker, ENGINE)

    await log.begin_attempt(report, "llm_call", "worker-2@1", EngineAttempt("run", 2))

    assert value(registry, ATTEMPTS_ENDED, step="llm_call", outcome="lost", code="") == 1
    assert value(registry, TAKE_OVER, step="llm_call") == 1


async def test_an_attempt_knows_how_long_its_step_and_its_wait_have_lasted(
    report: str, log: PostgresProgressLog
) -> None:
    first = await log.begin_attempt(report, "llm_call", "worker-1@1", ENGINE)
    await log.end_attempt(first, EventKind.ATTEMPT_FAILED, AttemptFailed(error=BUSY, wait_left_seconds=60))

    second = await log.begin_attempt(report, "llm_call", "worker-1@1", EngineAttempt("run", 2))

    assert (first.step_seconds, first.waited_seconds) == (0, 0)
    assert second.step_seconds > second.waited_seconds > 0


@pytest.fixture
async def alone(database_url: str) -> AsyncIterator[Database]:
    """A database without the rows of other tests."""
    name = f"backlog_{secrets.token_hex(4)}"
    server = database_url.rsplit("/", 1)[0]
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    upgrade(f"{server}/{name}")
    database = Database(f"{server}/{name}")
    yield database
    await database.close()


def model_call(workflow_id: str) -> Effect:
    """A paid effect of a workflow."""
    workflow = WorkflowRef(workflow_id, "default")
    return Effect(workflow, "llm_call", EffectKind.MODEL_CALL, "openai", ProviderClass.LOCKED, {"prompt": "tides?"})


async def test_the_backlog_holds_what_waits_and_for_how_long(alone: Database) -> None:
    rows, log = PostgresWorkflows(alone), PostgresProgressLog(alone)
    reader = PostgresBacklog(alone, AN_HOUR)
    assert await reader.read() == Backlog()

    not_started = [(await rows.accept(new_report()))[0].workflow_id for _ in range(2)]
    started = [(await rows.accept(new_report()))[0].workflow_id for _ in range(6)]
    for one in started:
        await rows.mark_started(one, 0)
    approving, decided, deciding, busy, answered, ended = started
    expires_at = datetime.now(UTC) + 100 * AN_HOUR
    await log.note_approval(approving, EventKind.APPROVAL_ASKED, approval_request(expires_at.isoformat()))
    await log.note_approval(decided, EventKind.APPROVAL_ASKED, approval_request("2026-11-28T09:00:00+00:00"))
    decision = ApprovalDecision(decision_id="mine", decision=Verdict.APPROVE, draft_sha256="a" * 64)
    await log.note_approval(decided, EventKind.APPROVAL_GIVEN, decided_as(decision))
    # An approval that was given leaves no question open, also when a step asks later.
    await log.note_approval(deciding, EventKind.APPROVAL_ASKED, approval_request("2026-11-28T09:00:00+00:00"))
    await log.note_approval(deciding, EventKind.APPROVAL_GIVEN, decided_as(decision))
    asks = AttemptFailed(error=BUSY, asks_a_person=True, final=True)
    await log.end_attempt(await log.begin_attempt(deciding, "llm_call", "w", ENGINE), EventKind.ATTEMPT_FAILED, asks)
    waits = AttemptFailed(error=BUSY, wait_left_seconds=3000)
    for one in (busy, answered):
        await log.end_attempt(await log.begin_attempt(one, "llm_call", "w", ENGINE), EventKind.ATTEMPT_FAILED, waits)
    again = await log.begin_attempt(answered, "llm_call", "w", EngineAttempt("run", 2))
    await log.end_attempt(again, EventKind.ATTEMPT_COMPLETED, AttemptCompleted())
    await log.close(ended, Status.DONE, Closed())
    assert len(not_started) == 2
    ledger = PostgresLedger(alone)
    unresolved, refused = (model_call(one) for one in (busy, answered))
    for effect in (unresolved, refused):
        await ledger.claim(effect, 1)
        await ledger.open_send(effect, 1, None, earlier=None)
    await ledger.close_send(refused.key, None, 1, SendState.REFUSED)

    found = await reader.read()

    assert {kind: waiting.count for kind, waiting in found.not_started.items()} == {Kind.REPORT: 2}
    assert (found.approvals.count, found.decisions.count) == (1, 1)
    assert {code: waiting.count for code, waiting in found.for_provider.items()} == {"rate_limited": 1}
    assert 600 <= found.for_provider["rate_limited"].oldest_seconds < 600 + AN_HOUR.total_seconds()
    assert all(
        0 < one.oldest_seconds < 600 for one in (found.not_started[Kind.REPORT], found.approvals, found.decisions)
    )
    assert found.approvals != Waiting()
    assert found.next_expiry_seconds is not None
    assert 99 * AN_HOUR.total_seconds() < found.next_expiry_seconds <= 100 * AN_HOUR.total_seconds()
    assert {kind: waiting.count for kind, waiting in found.open_sends.items()} == {EffectKind.MODEL_CALL: 1}
    assert 0 < found.open_sends[EffectKind.MODEL_CALL].oldest_seconds < 600
