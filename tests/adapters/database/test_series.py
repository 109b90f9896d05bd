"""What log and ledger know of the charts, on the real tables. The tests' rows are moved to years that are theirs alone."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.ledger.ledger import PostgresLedger
from durable_research.adapters.database.log.progress import PostgresProgressLog
from durable_research.adapters.database.rows.series import PostgresSeries
from durable_research.adapters.database.rows.workflows import PostgresWorkflows
from durable_research.domain.ledger.effects import Effect, EffectKind, ProviderClass
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.events import AttemptFailed, Closed, EventKind, ResumedWith
from durable_research.domain.workflows.progress import EngineAttempt
from durable_research.domain.workflows.workflow import Kind, Status
from durable_research.ports.database.workflows import Resumption
from durable_research.ports.series import Line, Lines, Span
from tests.adapters.database.rows import accepted

STEP = timedelta(minutes=30)
BUSY = {"code": "model_busy", "detail": "busy"}
_YEARS = iter(range(1990, 2020))


@pytest.fixture
def until() -> datetime:
    """The end of a time in which only this test's rows are."""
    return datetime(next(_YEARS), 1, 1, tzinfo=UTC)


async def move(
    database: Database, workflow_id: str, at: datetime, kinds: Sequence[EventKind] = tuple(EventKind)
) -> None:
    """Move a workflow's events of these kinds to this time."""
    moving = text("UPDATE progress_events SET at = :at WHERE workflow_id = :of AND kind = ANY(:kinds)")
    async with database.one() as connection:
        await connection.execute(moving, {"at": at, "of": workflow_id, "kinds": [str(kind) for kind in kinds]})


async def read(database: Database, until: datetime) -> Lines:
    """Three steps of half an hour."""
    return await PostgresSeries(database).read(Span(until, int(STEP.total_seconds()), 3))


def values(lines: Lines, chart: str) -> Mapping[str, tuple[float | None, ...]]:
    return {line.name: line.values for line in lines[chart]}


async def test_ends_are_counted_in_their_steps_by_status_and_failures_by_kind(
    database: Database, until: datetime
) -> None:
    for status, kind, back in (
        (Status.DONE, Kind.POST, 0.1),
        (Status.DONE, Kind.REPORT, 0.9),
        (Status.FAILED, Kind.REPORT, 1.5),
        (Status.TERMINATED, Kind.REPORT, 2.5),
        (Status.DONE, Kind.POST, 3.5),  # before the first step
        (Status.DONE, Kind.POST, -0.5),  # after the last one
    ):
        await move(database, await accepted(database, kind, status=status), until - back * STEP)

    lines = await read(database, until)

    assert values(lines, "throughput") == {"done": (0, 0, 2), "failed": (0, 1, 0), "terminated": (1, 0, 0)}
    assert values(lines, "failures") == {"report": (1, 1, 0)}


async def test_durations_are_reckoned_from_the_acceptance_and_a_step_without_an_end_has_none(
    database: Database, until: datetime
) -> None:
    for seconds in (10, 20, 30):
        workflow_id = await accepted(database, status=Status.DONE)
        await move(database, workflow_id, until - timedelta(seconds=100 + seconds))
        await move(database, workflow_id, until - timedelta(seconds=100), [EventKind.CLOSED])

    lines = await read(database, until)

    assert lines["duration"] == [Line("p50", (None, None, 20.0)), Line("p95", (None, None, 29.0))]


async def test_a_resumed_workflow_is_reckoned_from_its_resumption(database: Database, until: datetime) -> None:
    workflow_id = await accepted(database, Kind.REPORT, status=Status.FAILED)
    await move(database, workflow_id, until - timedelta(days=1))
    await PostgresWorkflows(database).resume(Resumption(workflow_id, 0, ResumedWith()))
    await PostgresProgressLog(database).close(workflow_id, Status.DONE, Closed(), 1)
    for event, seconds in (("resumed", 90), ("closed", 60)):
        moving = text(
            "UPDATE progress_events SET at = :at WHERE workflow_id = :of AND kind = :kind AND at > now() - interval '1 day'"
        )
        async with database.one() as connection:
            await connection.execute(
                moving, {"at": until - timedelta(seconds=seconds), "of": workflow_id, "kind": event}
            )

    assert values(await read(database, until), "duration") == {"p50": (None, None, 30), "p95": (None, None, 30)}


async def test_retries_are_counted_by_step_and_error_and_looks_and_last_failures_are_not(
    database: Database, until: datetime
) -> None:
    workflow_id = await accepted(database)
    log = PostgresProgressLog(database)
    for number, failed in enumerate(
        (
            AttemptFailed(error=BUSY, retry_in_seconds=1),
            AttemptFailed(error=BUSY, retry_in_seconds=1, wait_left_seconds=60),
            AttemptFailed(error=BUSY, retry_in_seconds=1, wait_left_seconds=30),
            None,  # its worker dies
            AttemptFailed(error=BUSY, final=True, asks_a_person=True),
        ),
        start=1,
    ):
        attempt = await log.begin_attempt(workflow_id, "generate_content", f"w@{number}", EngineAttempt("run", number))
        if failed:
            await log.end_attempt(attempt, EventKind.ATTEMPT_FAILED, failed)
    await move(database, workflow_id, until)

    lines = await read(database, until)

    assert values(lines, "retries") == {
        "generate_content · model_busy": (0, 0, 1),
        "generate_content · worker lost": (0, 0, 1),
    }
    # One workflow, though it looked twice; and one question.
    assert values(lines, "waits") == {"provider": (0, 0, 1), "decision": (0, 0, 1)}
    assert values(lines, "workers") == {"workers": (0, 0, 5)}


async def test_sends_are_counted_by_what_has_become_of_them(database: Database, until: datetime) -> None:
    workflow = WorkflowRef(await accepted(database), "default")
    effect = Effect(workflow, "llm_call", EffectKind.MODEL_CALL, "sim", ProviderClass.LOCKED, {})
    ledger = PostgresLedger(database)
    await ledger.claim(effect, 1)
    await ledger.open_send(effect, 1, None, earlier=None)
    async with database.one() as connection:
        moving = text("UPDATE effect_attempts SET opened_at = :at WHERE key = :key")
        await connection.execute(moving, {"at": until, "key": effect.key})

    assert values(await read(database, until), "effects") == {"open": (0, 0, 1)}


async def test_a_time_without_anything_has_no_lines_and_queues_are_not_known(
    database: Database, until: datetime
) -> None:
    lines = await read(database, until)

    assert not any(lines.values())
    assert "queues" not in lines
