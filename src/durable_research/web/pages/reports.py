"""A report's one page — live while it is made, the report itself when it is done — and the library."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup
from quart import Response, redirect, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from durable_research.domain.errors import InvalidState, NotFound, NotReady
from durable_research.domain.workflow import Kind, Status, kind_of
from durable_research.operations.everything import Operations
from durable_research.ports.workflows import WorkflowFilter
from durable_research.web import checks, cursors, queries, words
from durable_research.web.pages import forms
from durable_research.web.pages.shell import page

_OF = "library"
_PAGE_ROWS = 25
_QUERY = ("text", "status", "cursor")


@dataclass(frozen=True)
class ReportPages:
    """Its fields are its needs."""

    operations: Operations

    async def report(self, report_id: str) -> Response:
        """The page of one report, as far as it has come."""
        if kind_of(report_id) is not Kind.REPORT:
            raise NotFound("there is no such report")
        tenant = checks.tenant_of(request)
        reading = self.operations.reading
        status = await reading.status(report_id, tenant)
        row = await reading.get(report_id, tenant)
        events = await reading.log(report_id, tenant)
        for step in status["steps"]:
            for name in ("started_at", "ended_at", "next_try_at"):
                step[name] = datetime.fromisoformat(step[name]) if step[name] else None
        return await page(
            self.operations,
            "report.html",
            status=200,
            row=row,
            state=status,
            attempts=words.attempt_lines(events),
            for_scripts=words.for_scripts(),
            finished=await self._finished(report_id, tenant, row.status),
        )

    async def _finished(self, report_id: str, tenant: str, status: Status) -> dict[str, Any] | None:
        """The report itself, when it is there; a partly done one is entered in the library a little later."""
        if status not in {Status.DONE, Status.PARTLY_DONE}:
            return None
        try:
            report = await self.operations.reports.get(report_id, tenant)
            fragment = await self.operations.reports.html(report_id, tenant)
        except (NotReady, InvalidState):
            return None
        # The fragment is made from the document tree, in which every text is data, and sanitised after that.
        return {"report": report, "article": Markup(fragment)}  # noqa: S704

    async def cancel(self, report_id: str) -> BaseResponse:
        """Note the wish to stop and show the page again."""
        if kind_of(report_id) is not Kind.REPORT:
            raise NotFound("there is no such report")
        await self.operations.cancelling.cancel(report_id, checks.tenant_of(request))
        return redirect(f"/reports/{report_id}", 303)

    async def decide(self, report_id: str) -> BaseResponse:
        """Pass on a decision and show the page again."""
        if kind_of(report_id) is not Kind.REPORT:
            raise NotFound("there is no such report")
        fields = await forms.form_of(request)
        await self.operations.deciding.decide(
            report_id, checks.tenant_of(request), {"decision": fields.get("decision")}
        )
        return redirect(f"/reports/{report_id}", 303)

    async def library(self) -> Response:
        """All reports, finished or not, with a search."""
        tenant = checks.tenant_of(request)
        # A form sends its empty fields too; on a page they mean "any".
        query = MultiDict([(name, value) for name, value in request.args.items(multi=True) if value.strip()])
        queries.check_names(query, _QUERY)
        asked = queries.workflow_filter(query, tenant=tenant, of=_OF)
        rows = await self.operations.reading.list(
            tenant, WorkflowFilter(asked.statuses, Kind.REPORT, asked.text, _PAGE_ROWS + 1, asked.before)
        )
        shown = rows[:_PAGE_ROWS]
        following = len(rows) > _PAGE_ROWS
        cursor = (
            cursors.encode(shown[-1].created_at, shown[-1].workflow_id, tenant=tenant, of=_OF) if following else None
        )
        return await page(
            self.operations,
            "library.html",
            rows=shown,
            text=asked.text or "",
            chosen=asked.statuses[0] if asked.statuses else "",
            cursor=cursor,
            is_first="cursor" not in query,
        )
