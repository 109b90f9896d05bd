"""Finished reports: the library, and a report as PDF, HTML and Markdown."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from durable_research.domain.documents.composition import compose
from durable_research.domain.documents.tree import Document
from durable_research.domain.errors import InvalidState, NotFound, NotReady
from durable_research.domain.requests.report import Report
from durable_research.domain.workflows.workflow import Kind, Status, kind_of
from durable_research.operations.reading.recoverable import words_of
from durable_research.operations.reading.stored_pages import Format, kept_page
from durable_research.ports.database.reports import Reports
from durable_research.ports.database.workflows import Workflows
from durable_research.ports.objects import ObjectStore


@dataclass
class ReadingReports:
    """Reads rows and objects; `to_html` and `to_markdown` turn a document into text."""

    workflows: Workflows
    reports: Reports
    objects: ObjectStore
    to_html: Format
    to_markdown: Format

    async def list(
        self, tenant: str, *, text: str | None = None, limit: int = 50, before: tuple[datetime, str] | None = None
    ) -> Sequence[Report]:
        """Newest first."""
        return await self.reports.list(tenant, text, limit, before)

    async def get(self, report_id: str, tenant: str) -> Report:
        """One finished report.

        Raises:
            NotFound: malformed, unknown or another tenant's id, or an id of another kind.
            NotReady: it is still being made.
            InvalidState: it ended without a report.
        """
        if kind_of(report_id) is not Kind.REPORT:
            raise NotFound("there is no such report")
        try:
            return await self.reports.get(report_id, tenant)
        except NotFound:
            row = await self.workflows.get(report_id, tenant)
        if row.status.is_final and row.status is not Status.PARTLY_DONE:
            raise InvalidState(words_of(row))
        raise NotReady(f"the report is {row.status.words}")

    async def pdf(self, report_id: str, tenant: str) -> bytes:
        """The stored PDF."""
        return await self.objects.get((await self.get(report_id, tenant)).pdf.key)

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

    async def html(self, report_id: str, tenant: str) -> str:
        """The report as an HTML fragment, sanitised: as `create_pdf` kept it."""
        report = await self.get(report_id, tenant)
        return await kept_page(self.objects, report.pdf.key, self.to_html, lambda: self.document(report))

    async def markdown(self, report_id: str, tenant: str) -> str:
        """The report as Markdown."""
        return await asyncio.to_thread(self.to_markdown, await self.document(await self.get(report_id, tenant)))
