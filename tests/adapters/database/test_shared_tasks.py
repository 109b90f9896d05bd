"""Tasks that serve everybody, begun by whoever comes first: what they log is of no request and no attempt."""

import asyncio
from typing import Any

import psycopg
import pytest

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.log.changes import PostgresChanges
from durable_research.adapters.database.log.drafts import PostgresDrafts
from durable_research.domain.workflows.progress import Attempt
from durable_research.telemetry import logs
from durable_research.telemetry.logs import CONTEXT, context
from tests.installation import PATIENCE_SECONDS
from tests.logged import captured_lines
from tests.programs import free_port

OF_THE_FIRST = {"request_id": "r-1", "workflow_id": "report-1", "step": "llm_call", "trace_id": "t-1"}


@pytest.fixture
def emitted(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set once a line has been written."""
    written = asyncio.Event()
    emit = logs.emit

    def noted(*arguments: Any, **fields: Any) -> None:
        emit(*arguments, **fields)
        written.set()

    monkeypatch.setattr(logs, "emit", noted)
    return written


async def test_the_listener_for_changes_logs_for_no_reader(
    emitted: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object, **__: object) -> None:
        raise psycopg.OperationalError

    monkeypatch.setattr(psycopg.AsyncConnection, "connect", refused)
    changes = PostgresChanges("postgresql://127.0.0.1/none")

    with captured_lines() as lines:
        with context(**OF_THE_FIRST):
            async with changes.watch("report-1"), asyncio.timeout(PATIENCE_SECONDS):
                await emitted.wait()
        await changes.close()

    assert [line["event"] for line in lines] == [logs.INFRASTRUCTURE_DOWN.name]
    assert lines[0].keys() & CONTEXT.keys() == set()


async def test_the_writer_of_drafts_logs_for_no_attempt(emitted: asyncio.Event) -> None:
    database = Database(f"postgresql://127.0.0.1:{free_port()}/none")
    drafts = PostgresDrafts(database)

    with captured_lines() as lines:
        with context(**OF_THE_FIRST):
            drafts.show(Attempt("report-1", "llm_call", 1, "worker-1@1"), "a draft")
        async with asyncio.timeout(PATIENCE_SECONDS):
            await emitted.wait()
    await database.close()

    assert [line["event"] for line in lines] == [logs.DRAFT_DROPPED.name]
    assert lines[0].keys() & CONTEXT.keys() == set()
