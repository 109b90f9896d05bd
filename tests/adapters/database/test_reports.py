from datetime import UTC, datetime

import pytest

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.log.progress import PostgresProgressLog
from durable_research.adapters.database.rows.reports import PostgresReports
from durable_research.adapters.database.rows.workflows import PostgresWorkflows
from durable_research.domain.documents.text import TextReference
from durable_research.domain.errors import CancelRequested, InvalidState, NotFound, StaleAttempt
from durable_research.domain.ledger.usage import TokenUsage
from durable_research.domain.requests.report import DocumentReference, Report
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.events import Closed
from durable_research.domain.workflows.progress import EngineAttempt
from durable_research.domain.workflows.workflow import Status
from tests.adapters.database.rows import attempt_of


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
    await reports.store(made, "default", attempt_of(made.report_id, "store_report_metadata"))

    again = made.model_copy(update={"title": "Another"})
    await reports.store(again, "default", attempt_of(made.report_id, "store_report_metadata", 2))

    assert await reports.get(WorkflowRef(made.report_id, "default")) == made


async def test_a_worker_frozen_since_before_the_report_was_discarded_stores_no_row(
    database: Database, made: Report
) -> None:
    progress, reports = PostgresProgressLog(database), PostgresReports(database)
    run = EngineAttempt("run-1", 1)
    frozen = await progress.begin_attempt(made.report_id, "store_report_metadata", "worker-1@1", run)
    await progress.begin_attempt(made.report_id, "discard_report", "worker-2@1", run, undoes=True)

    with pytest.raises(StaleAttempt):
        await reports.store(made, "default", frozen)


async def test_a_cancel_request_before_the_row_prevents_the_row(database: Database, made: Report) -> None:
    reports = PostgresReports(database)
    await PostgresWorkflows(database).request_cancel(made.report_id)

    with pytest.raises(CancelRequested):
        await reports.store(made, "default", attempt_of(made.report_id, "store_report_metadata"))
    with pytest.raises(NotFound):
        await reports.get(WorkflowRef(made.report_id, "default"))


async def test_a_cancel_request_after_the_row_does_not_remove_it(database: Database, made: Report) -> None:
    reports = PostgresReports(database)
    await reports.store(made, "default", attempt_of(made.report_id, "store_report_metadata"))
    await PostgresWorkflows(database).request_cancel(made.report_id)

    await reports.store(made, "default", attempt_of(made.report_id, "store_report_metadata", 2))

    assert await reports.get(WorkflowRef(made.report_id, "default")) == made


async def test_storing_the_report_gives_the_workflow_the_reports_title(database: Database, made: Report) -> None:
    attempt = attempt_of(made.report_id, "store_report_metadata")
    await PostgresReports(database).store(made, "default", attempt)
    await PostgresReports(database).store(made.model_copy(update={"title": "Another"}), "default", attempt)

    assert (await PostgresWorkflows(database).get(WorkflowRef(made.report_id, "default"))).title == "Tides"


@pytest.mark.parametrize("status", [Status.FAILED, Status.TERMINATED, Status.CANCELLED])
async def test_a_late_writer_stores_no_report_of_a_workflow_that_has_ended(
    database: Database, made: Report, status: Status
) -> None:
    await PostgresProgressLog(database).close(made.report_id, status, Closed())

    with pytest.raises(InvalidState):
        await PostgresReports(database).store(made, "default", attempt_of(made.report_id, "store_report_metadata"))
