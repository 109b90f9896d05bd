"""Workflows over HTTP: start, list, status, result, events, Event History, cancel."""

from dataclasses import dataclass

from quart import Response, request

from durable_research.operations.facade import Operations
from durable_research.web.api import answers, status_answers
from durable_research.web.api.bodies import DecidedBody, RelatedBody, RetriedBody, WorkflowsBody
from durable_research.web.api.workflow_bodies import HistoryBody
from durable_research.web.http import event_stream, files, pagination, query, requests

_OF = "workflows"


@dataclass(frozen=True)
class WorkflowsApi:
    """The handlers for workflows."""

    operations: Operations
    streams: event_stream.Streams

    async def start(self, pipeline: str) -> Response:
        """Accept a request; 202 before any step runs, as the stored row is the authority."""
        key = requests.idempotency_key_of(request)
        body = await requests.json_object_of(request)
        started = await self.operations.starting.start(
            pipeline, body, caller=requests.caller_of(request), idempotency_key=key
        )
        headers = {"Location": answers.addresses(started.row.workflow_id)["status_url"]}
        if started.replayed:
            headers["Idempotency-Replayed"] = "true"
        return answers.json_response(answers.started(started.row), 202, headers)

    async def list_workflows(self) -> Response:
        """One page of the list."""
        caller = requests.caller_of(request)
        criteria = query.workflow_filter(request.args, caller=caller, of=_OF)
        page = await pagination.read_page(
            self.operations.reading.list, criteria, lambda row: (row.created_at, row.workflow_id), caller=caller, of=_OF
        )
        body: WorkflowsBody = {
            "workflows": [answers.workflow(row) for row in page.items],
            "next_cursor": page.next_cursor,
        }
        return answers.json_response(body)

    async def status(self, workflow_id: str) -> Response:
        """The status body."""
        status = await self.operations.status(workflow_id, requests.caller_of(request))
        return answers.json_response(status_answers.status(status))

    async def result(self, workflow_id: str) -> Response:
        """The result, once there is one."""
        result = await self.operations.reading.result(workflow_id, requests.caller_of(request))
        return answers.json_response(status_answers.result(result))

    async def history(self, workflow_id: str) -> Response:
        """The engine's Event History."""
        events = await self.operations.reading.history(workflow_id, requests.caller_of(request))
        body: HistoryBody = {"workflow_id": workflow_id, "events": list(events)}
        return answers.json_response(body)

    async def cancel(self, workflow_id: str) -> Response:
        """Request the cancellation; a repeat is no error."""
        await requests.check_no_fields(request)
        row = await self.operations.cancelling.cancel(workflow_id, requests.caller_of(request))
        return answers.json_response(answers.workflow(row), 202)

    async def retry(self, workflow_id: str) -> Response:
        """Retry waiting steps now."""
        await requests.check_no_fields(request)
        steps = await self.operations.retrying.retry(workflow_id, requests.caller_of(request))
        body: RetriedBody = {"workflow_id": workflow_id, "steps": list(steps)}
        return answers.json_response(body, 202)

    async def decide(self, workflow_id: str) -> Response:
        """Submit a person's decision."""
        body = await requests.json_object_of(request)
        row = await self.operations.deciding.decide(workflow_id, requests.caller_of(request), body)
        return answers.json_response(answers.workflow(row), 202)

    async def approve(self, workflow_id: str) -> Response:
        """Submit a person's decision about a draft; a repeat is no error."""
        key = requests.idempotency_key_of(request)
        fields = await requests.json_object_of(request)
        answer = await self.operations.approving.decide(workflow_id, requests.caller_of(request), fields, key)
        body: DecidedBody = {
            **answers.workflow(answer.row),
            "decision_id": answer.decision_id,
            "outcome": answer.outcome,
        }
        return answers.json_response(body, 202)

    async def resume(self, workflow_id: str) -> Response:
        """Resume it from the failed step; a repeat is no error."""
        key = requests.idempotency_key_of(request)
        body = await requests.json_object_of(request)
        resumed = await self.operations.resuming.resume(workflow_id, requests.caller_of(request), body, key)
        headers = {"Idempotency-Replayed": "true"} if resumed.replayed else {}
        return answers.json_response(
            answers.workflow(resumed.row) | {"resumption": resumed.row.resumption}, 202, headers
        )

    async def draft(self, workflow_id: str) -> Response:
        """The draft that waits for approval."""
        caller = requests.caller_of(request)
        text = await self.operations.approving.draft(workflow_id, caller)
        row = await self.operations.reading.get(workflow_id, caller)
        file = files.file_name(f"{row.title} draft", workflow_id, "md")
        return files.file_response(request, text.encode(errors="replace"), "text/markdown; charset=utf-8", file)

    async def draft_pdf(self, workflow_id: str) -> Response:
        """The PDF that waits for approval."""
        caller = requests.caller_of(request)
        pdf = await self.operations.approving.draft_pdf(workflow_id, caller)
        row = await self.operations.reading.get(workflow_id, caller)
        return files.file_response(request, pdf, "application/pdf", files.file_name(row.title, workflow_id, "pdf"))

    async def text(self, workflow_id: str, name: str) -> Response:
        """One of the texts that a finished workflow wrote, or the paid text of a report."""
        caller = requests.caller_of(request)
        text = await self.operations.texts.markdown(workflow_id, caller, name)
        row = await self.operations.reading.get(workflow_id, caller)
        file = files.file_name(f"{row.title} {name}", workflow_id, "md")
        return files.file_response(request, text.encode(), "text/markdown; charset=utf-8", file)

    async def related(self, workflow_id: str) -> Response:
        """Related reports and posts."""
        row = await self.operations.reading.get(workflow_id, requests.caller_of(request))
        found = await self.operations.texts.related(row)
        body: RelatedBody = {
            "related": [answers.related(one) for one in found],
            "embeddings": "on" if self.operations.texts.embedding_model else "off",
        }
        return answers.json_response(body)

    async def events(self, workflow_id: str) -> Response:
        """Follow the log. Refusals come before the stream begins."""
        caller = requests.caller_of(request)
        _, log = await self.operations.reading.with_log(workflow_id, caller)
        newest = log[-1].seq
        # A browser that reconnects repeats the first address and sends its last event in the header.
        after = query.event_number(request.args.get("after"), newest)
        if "Last-Event-ID" in request.headers:
            after = query.event_number(request.headers["Last-Event-ID"], newest)
        self.streams.check_room()
        if request.method == "HEAD":
            return Response(b"", 200, event_stream.HEADERS, content_type=event_stream.MEDIA_TYPE)
        events = self.operations.reading.events(workflow_id, caller, after)
        response = Response(
            self.streams.stream(events), 200, event_stream.HEADERS, content_type=event_stream.MEDIA_TYPE
        )
        response.timeout = None
        return response
