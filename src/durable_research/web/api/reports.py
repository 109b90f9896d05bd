"""Finished reports over HTTP: the library, a report's facts, and its files."""

from dataclasses import dataclass

from quart import Response, request

from durable_research.operations.facade import Operations
from durable_research.web.api import answers
from durable_research.web.api.bodies import ReportsBody
from durable_research.web.http import files, pagination, query, requests
from durable_research.web.pages import downloads

_OF = "reports"


@dataclass(frozen=True)
class ReportsApi:
    """The handlers for reports."""

    operations: Operations

    async def list_reports(self) -> Response:
        """One page of the library."""
        caller = requests.caller_of(request)
        criteria = query.report_filter(request.args, caller=caller, of=_OF)
        page = await pagination.read_page(
            self.operations.reports.list, criteria, lambda one: (one.asked_at, one.report_id), caller=caller, of=_OF
        )
        body: ReportsBody = {"reports": [answers.report(one) for one in page.items], "next_cursor": page.next_cursor}
        return answers.json_response(body)

    async def report(self, report_id: str) -> Response:
        """A report's facts."""
        found = await self.operations.reports.get(report_id, requests.caller_of(request))
        return answers.json_response(answers.report(found))

    async def pdf(self, report_id: str) -> Response:
        """The stored PDF."""
        report = await self.operations.reports.get(report_id, requests.caller_of(request))
        data = await self.operations.reports.pdf(report)
        return files.file_response(request, data, "application/pdf", files.file_name(report.title, report_id, "pdf"))

    async def markdown(self, report_id: str) -> Response:
        """The report as Markdown."""
        report = await self.operations.reports.get(report_id, requests.caller_of(request))
        text = await self.operations.reports.markdown(report)
        name = files.file_name(report.title, report_id, "md")
        return files.file_response(request, text.encode(errors="replace"), "text/markdown; charset=utf-8", name)

    async def html(self, report_id: str) -> Response:
        """The report as an HTML page of its own: with its style, and without scripts or external content."""
        report = await self.operations.reports.get(report_id, requests.caller_of(request))
        fragment = await self.operations.reports.html(report)
        page = await downloads.html_file(report, fragment)
        name = files.file_name(report.title, report_id, "html")
        response = files.file_response(request, page.encode(errors="replace"), "text/html; charset=utf-8", name)
        response.headers.update(downloads.SERVED_WITH)
        return response
