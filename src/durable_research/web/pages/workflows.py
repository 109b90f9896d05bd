"""A workflow's one page — live while it runs, with its results when it is done — and the list of its kind."""

import secrets
from dataclasses import dataclass, replace

from quart import Response, redirect, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from durable_research.descriptor import Pipeline
from durable_research.domain.errors import InvalidInput, InvalidState, NotFound
from durable_research.domain.workflows.workflow import FINAL, kind_of
from durable_research.operations.facade import Operations
from durable_research.operations.reading.pending_decisions import OpenApproval
from durable_research.operations.reading.status import WorkflowStatus
from durable_research.telemetry.tracing import trace_id_of
from durable_research.web.http import addresses, pagination, requests
from durable_research.web.http import query as queries
from durable_research.web.pages import forms
from durable_research.web.pages.attempts import KINDS, attempt_lines
from durable_research.web.pages.errors import Visit, remember
from durable_research.web.pages.failed import as_typed, body_of, failed
from durable_research.web.pages.finished import finished
from durable_research.web.pages.shell import page

_PAGE_ROWS = 25
_QUERY = ("text", "status", "cursor")


@dataclass(frozen=True)
class ApprovalForm:
    """The form for a decision about a draft."""

    workflow_id: str
    pending: OpenApproval
    draft: str
    decision_id: str

    @property
    def draft_url(self) -> str:
        """The address of the draft."""
        return addresses.workflow(self.workflow_id, "draft")

    @property
    def draft_pdf_url(self) -> str | None:
        """The address of its PDF, once it is typeset."""
        return addresses.workflow(self.workflow_id, "draft.pdf") if self.pending.question.pdf else None


@dataclass(frozen=True)
class WorkflowPages:
    """The pages of one pipeline."""

    operations: Operations
    pipeline: Pipeline

    async def show(self, workflow_id: str) -> Response:
        """The page of one workflow, in its current state."""
        self._check_kind(workflow_id)
        return await self._show(await self.operations.status(workflow_id, requests.caller_of(request)))

    async def _show(
        self, status: WorkflowStatus, form: forms.QuestionForm | None = None, answer: int = 200
    ) -> Response:
        return await page(
            self.operations,
            "workflow.html",
            status=answer,
            workers=len(status.live_workers),
            row=status.row,
            pipeline=self.pipeline,
            state=status,
            attempts=attempt_lines(status.events),
            attempt_kinds=KINDS,
            final=sorted(FINAL),
            finished=await finished(self.operations, status),
            failed=await failed(self.operations, status, status.offer, form) if status.offer else None,
            approval=await self._approval(status),
            trace_id=trace_id_of(status.row.traceparent),
        )

    async def cancel(self, workflow_id: str) -> BaseResponse:
        """Request the cancellation and show the page again."""
        self._visit(workflow_id)
        await self.operations.cancelling.cancel(workflow_id, requests.caller_of(request))
        return self._back(workflow_id)

    async def retry(self, workflow_id: str) -> BaseResponse:
        """Retry waiting steps now, and show the page again."""
        self._visit(workflow_id)
        await self.operations.retrying.retry(workflow_id, requests.caller_of(request))
        return self._back(workflow_id)

    async def decide(self, workflow_id: str) -> BaseResponse:
        """Submit a decision and show the page again."""
        self._visit(workflow_id)
        fields = await forms.form_of(request)
        await self.operations.deciding.decide(
            workflow_id, requests.caller_of(request), {"decision": fields.get("decision")}
        )
        return self._back(workflow_id)

    async def approve(self, workflow_id: str) -> BaseResponse:
        """Submit a decision about the draft and show the page again."""
        self._visit(workflow_id)
        body = forms.approval_body(await forms.form_of(request))
        self._visit(workflow_id, body.get("text"))
        await self.operations.approving.decide(workflow_id, requests.caller_of(request), body)
        return self._back(workflow_id)

    async def resume(self, workflow_id: str) -> Response | BaseResponse:
        """Resume it and show the page again, live; an error is shown beside the typed input."""
        self._visit(workflow_id)
        fields = await forms.form_of(request)
        self._visit(workflow_id, fields.get("text"))
        body, caller = body_of(fields), requests.caller_of(request)
        try:
            await self.operations.resuming.resume(workflow_id, caller, body, forms.idempotency_key(fields, body))
        except (InvalidInput, InvalidState) as error:
            status = await self.operations.status(workflow_id, caller)
            if not status.offer:
                raise
            return await self._show(status, as_typed(fields, error), error.http_status)
        return self._back(workflow_id)

    async def library(self) -> Response:
        """All of this kind, finished or not, with a search."""
        caller = requests.caller_of(request)
        # A form sends its empty fields too; on a page they mean "any".
        query = MultiDict([(name, value) for name, value in request.args.items(multi=True) if value.strip()])
        queries.check_names(query, _QUERY)
        of = f"library of {self.pipeline.page}"
        criteria = queries.workflow_filter(query, caller=caller, of=of)
        rows = await pagination.read_page(
            self.operations.reading.list,
            replace(criteria, kind=self.pipeline.kind, limit=_PAGE_ROWS),
            lambda row: (row.created_at, row.workflow_id),
            caller=caller,
            of=of,
        )
        return await page(
            self.operations,
            "library.html",
            rows=rows.items,
            pipeline=self.pipeline,
            text=criteria.text or "",
            chosen=criteria.statuses[0] if criteria.statuses else "",
            cursor=rows.next_cursor,
            is_first="cursor" not in query,
        )

    async def _approval(self, status: WorkflowStatus) -> ApprovalForm | None:
        """The waiting draft, and a new id for the decision that this page may send."""
        if not isinstance(status.pending, OpenApproval):
            return None
        try:
            draft = await self.operations.approving.text(status.pending)
        except NotFound:  # it has just been decided, and the draft is removed
            return None
        return ApprovalForm(status.row.workflow_id, status.pending, draft, secrets.token_hex(16))

    def _check_kind(self, workflow_id: str) -> None:
        if kind_of(workflow_id) is not self.pipeline.kind:
            raise NotFound(f"there is no such {self.pipeline.noun}")

    def _visit(self, workflow_id: str, text: str | None = None) -> None:
        self._check_kind(workflow_id)
        remember(Visit(self._address(workflow_id), self.pipeline.noun, text))

    def _back(self, workflow_id: str) -> BaseResponse:
        return redirect(self._address(workflow_id), 303)

    def _address(self, workflow_id: str) -> str:
        return f"/{self.pipeline.page}/{workflow_id}"
