"""The Reports port on PostgreSQL."""

from collections.abc import Sequence

from sqlalchemy import delete, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.log.events import LockedLog
from durable_research.adapters.database.rows.text_columns import TextRow, columns_of, text_of, usage_of
from durable_research.adapters.database.rows.workflows import titled_as, words_pattern
from durable_research.adapters.database.tables import reports
from durable_research.domain.errors import InvalidState, NotFound
from durable_research.domain.requests.report import DocumentReference, Report
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.progress import Attempt
from durable_research.domain.workflows.workflow import RESUMABLE, Status
from durable_research.ports.database.reports import ReportFilter

_ENDED_WITHOUT = {*RESUMABLE, Status.CANCELLED}


def _report(row: TextRow) -> Report:
    return Report(
        report_id=row.report_id,
        title=row.title,
        prompt=row.prompt,
        user=row.username,
        language=row.language,
        asked_title=row.asked_title,
        text=text_of(row),
        pdf=DocumentReference(key=row.pdf_key, sha256=row.pdf_sha256, size_bytes=row.pdf_bytes, pages=row.pages),
        model=row.model,
        provider=row.provider,
        is_demo=row.is_demo,
        usage=usage_of(row),
        asked_at=row.asked_at,
    )


class PostgresReports:
    """One row for each finished report."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def store(self, report: Report, tenant: str, attempt: Attempt | None) -> None:
        """Insert the row, unless the workflow's cancellation is requested; an existing row stays as it is.

        From now on the workflow has the report's title.
        """
        statement = insert(reports).values(
            report_id=report.report_id,
            tenant=tenant,
            title=report.title,
            prompt=report.prompt,
            username=report.user,
            language=report.language,
            asked_title=report.asked_title,
            pdf_key=report.pdf.key,
            pdf_sha256=report.pdf.sha256,
            pdf_bytes=report.pdf.size_bytes,
            pages=report.pdf.pages,
            model=report.model,
            provider=report.provider,
            is_demo=report.is_demo,
            asked_at=report.asked_at,
            **columns_of(report.text, report.usage),
        )
        statement = statement.on_conflict_do_nothing(index_elements=["report_id"])
        async with self._database.begin() as connection:
            # Under the row's lock: a cancellation is written either before or after this.
            if attempt is None:
                log = await LockedLog.lock(connection, report.report_id)
                if log.status is not Status.PARTLY_DONE:
                    return
            else:
                log = await LockedLog.lock_open_attempt(connection, attempt)
                if log.status in _ENDED_WITHOUT:
                    raise InvalidState(f"the workflow is {log.status.words}; nothing finishes it any more")
            is_new = (await connection.execute(statement.returning(reports.c.report_id))).first() is not None
            if is_new and attempt:
                await log.check_not_cancelled()
            await connection.execute(titled_as(reports.c.report_id, report.report_id))

    async def delete(self, report: WorkflowRef) -> None:
        async with self._database.one() as connection:
            await connection.execute(
                delete(reports).where(reports.c.report_id == report.workflow_id, reports.c.tenant == report.tenant)
            )

    async def get(self, report: WorkflowRef) -> Report:
        query = select(reports).where(reports.c.report_id == report.workflow_id, reports.c.tenant == report.tenant)
        async with self._database.one() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound("there is no such report")
        return _report(row)

    async def list(self, tenant: str, criteria: ReportFilter) -> Sequence[Report]:
        columns = reports.c
        query = select(reports).where(columns.tenant == tenant)
        if criteria.text:
            pattern = words_pattern(criteria.text)
            query = query.where(or_(columns.title.ilike(pattern), columns.prompt.ilike(pattern)))
        if criteria.before:
            query = query.where(tuple_(columns.asked_at, columns.report_id) < tuple_(*criteria.before))
        query = query.order_by(columns.asked_at.desc(), columns.report_id.desc()).limit(criteria.limit)
        async with self._database.one() as connection:
            return [_report(row) for row in await connection.execute(query)]
