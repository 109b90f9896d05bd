from datetime import UTC, datetime

import pytest

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.reports import PostgresReports
from durable_research.adapters.database.workflows import PostgresWorkflows
from durable_research.domain.report import DocumentReference, Report
from durable_research.domain.text import TextReference
from durable_research.domain.usage import TokenUsage


@pytest.fixture
def made(report: str) -> Report:
    return Report(
        report_id=report,
        title="Tides",
        prompt="tides?",
        text=TextReference(key="default/report/a.md", sha256="a" * 64, size_bytes=1),
        pdf=DocumentReference(key="default/report/b.pdf", sha256="b" * 64, size_bytes=1, pages=1),
        model="m",
        provider="simulator",
        is_demo=True,
        usage=TokenUsage.estimate("read", "written"),
        asked_at=datetime.now(UTC),
    )


async def test_a_row_that_was_stored_and_not_acknowledged_is_stored_again_unchanged(
    database: Database, made: Report
) -> None:
    reports = PostgresReports(database)
    await reports.store(made, "default")

    await reports.store(made.model_copy(update={"title": "Another"}), "default")

    assert await reports.get(made.report_id, "default") == made


async def test_from_then_on_the_workflow_is_called_as_the_report_is(database: Database, made: Report) -> None:
    await PostgresReports(database).store(made, "default")
    await PostgresReports(database).store(made.model_copy(update={"title": "Another"}), "default")

    assert (await PostgresWorkflows(database).get(made.report_id, "default")).title == "Tides"
