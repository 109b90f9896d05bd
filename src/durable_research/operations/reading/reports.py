"""Finished reports: the library, and a report as PDF, HTML and Markdown."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from durable_research.domain.caller import Caller
from durable_research.domain.documents.composition import compose
from durable_research.domain.documents.tree import Document
from durable_research.domain.errors import InvalidState, NotFound, NotReady
from durable_research.domain.requests.report import Report
from durable_research.domain.workflows.workflow import Kind, Status, kind_of
from durable_research.operations.reading.recoverable import EndedWithoutResult
from durable_research.operations.reading.stored_pages import Format, stored_page
from durable_research.ports.database.reports import ReportFilter, Reports
from durable_research.ports.database.workflows import WorkflowRow, Workflows
from durable_research.ports.objects import ObjectStore


@dataclass
class ReadingReports:
    """Reads rows and objects; `to_html` and `to_markdown` turn a document into text."""

    workflows: Workflows
    reports: Reports
    objects: ObjectStore
    to_html: Format
    to_markdown: Format

    async def list(self, caller: Caller, criteria: ReportFilter) -> Sequence[Report]:
        """Newest first."""
        return await self.reports.list(caller.tenant, criteria)

    async def get(self, report_id: str, caller: Caller) -> Report:
        """One finished report.

        Raises:
            NotFound: malformed, unknown or another tenant's id, or an id of another kind.
            NotReady: it is still being made.
            InvalidState: it ended without a report.
        """
        if kind_of(report_id) is not Kind.REPORT:
            raise NotFound("there is no such report")
        with suppress(NotFound):
            return await self.reports.get(caller.workflow(report_id))
        raise _why_not(await self.workflows.get(caller.workflow(report_id)))

    async def of(self, row: WorkflowRow) -> Report:
        """The finished report of a workflow that has been read already.

        Raises:
            NotReady, InvalidState: as for `get`.
        """
        try:
            return await self.reports.get(row.ref)
        except NotFound:
            raise _why_not(row) from None

    async def pdf(self, report: Report) -> bytes:
        return await self.objects.get(report.pdf.key)

    async def document(self, report: Report) -> Document:
        """The report's document tree, composed as for the PDF."""
        text = (await self.objects.get(report.text.key)).decode()
        return await asyncio.to_thread(
            compose,
            text,
            report,
            workflow_id=report.report_id,
            title=report.asked_title,
            question=report.prompt,
            language=report.language,
            asked_at=report.asked_at,
        )

    async def html(self, report: Report) -> str:
        """The report as a sanitised HTML fragment, as `create_pdf` stored it."""
        return await stored_page(self.objects, report.pdf.key, self.to_html, lambda: self.document(report))

    async def markdown(self, report: Report) -> str:
        return await asyncio.to_thread(self.to_markdown, await self.document(report))


def _why_not(row: WorkflowRow) -> InvalidState:
    if row.status.is_final and row.status is not Status.PARTLY_DONE:
        return EndedWithoutResult(row)
    return NotReady(f"the report is {row.status.words}")
