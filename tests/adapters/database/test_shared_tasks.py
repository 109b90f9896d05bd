"""Tasks that serve everybody, begun by whoever comes first: what they log is of no request and no attempt."""

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.log.changes import PostgresChanges
from durable_research.adapters.database.log.drafts import PostgresDrafts
from durable_research.domain.workflows.progress import Attempt
from durable_research.telemetry import logs
from durable_research.telemetry.logs import CONTEXT, LogEvent, context
from tests.installation import PATIENCE_SECONDS
from tests.logged import captured_lines
from tests.programs import free_port

OF_THE_FIRST = {"request_id": "r-1", "workflow_id": "report-1", "step": "llm_call", "trace_id": "t-1"}


Emitted = Callable[..., asyncio.Event]


@pytest.fixture
def emitted(monkeypatch: pytest.MonkeyPatch) -> Emitted:
    """What is set once a line of an event with these fields has been written: what other tests left behind may log too."""

    def noting(wanted: LogEvent, **sought: str) -> asyncio.Event:
        written, emit = asyncio.Event(), logs.emit

        def noted(event: LogEvent, /, **fields: Any) -> None:
            emit(event, **fields)
            if event is wanted and sought.items() <= fields.items():
                written.set()

        monkeypatch.setattr(logs, "emit", noted)
        return written

    return noting


async def test_the_listener_for_changes_logs_for_no_reader(emitted: Emitted, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_: object, **__: object) -> None:
        raise psycopg.OperationalError

    monkeypatch.setattr(psycopg.AsyncConnection, "connect", refused)
    written = emitted(logs.INFRASTRUCTURE_DOWN, what="database")
    changes = PostgresChanges("postgresql://127.0.0.1/none")

    with captured_lines() as lines:
        with context(**OF_THE_FIRST):
            async with changes.watch("report-1"), asyncio.timeout(PATIENCE_SECONDS):
                await written.wait()
        await changes.close()

    (line,) = (one for one in lines if one["event"] == logs.INFRASTRUCTURE_DOWN.name and one.get("what") == "database")
    assert line.keys() & CONTEXT.keys() == set()


async def test_the_writer_of_drafts_logs_for_no_attempt(emitted: Emitted) -> None:
    database = Database(f"postgresql://127.0.0.1:{free_port()}/none")
    drafts, written = PostgresDrafts(database), emitted(logs.DRAFT_DROPPED)

    with captured_lines() as lines:
        with context(**OF_THE_FIRST):
            drafts.show(Attempt("report-1", "llm_call", 1, "worker-1@1"), "a draft")
        async with asyncio.timeout(PATIENCE_SECONDS):
            await written.wait()
    await database.close()

    (line,) = (one for one in lines if one["event"] == logs.DRAFT_DROPPED.name)
    assert line.keys() & CONTEXT.keys() == set()
