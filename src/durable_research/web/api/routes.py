"""The API's addresses in one table: the blueprint is registered from it and the OpenAPI document is written from it."""

from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from durable_research.catalogue import PIPELINES
from durable_research.domain.schedules.schedule import ScheduleRequest
from durable_research.operations.approve import ApprovalRequest
from durable_research.operations.decide import DecisionRequest
from durable_research.operations.resume import ResumeRequest
from durable_research.web.api.bodies import (
    AliveBody,
    DecidedBody,
    DocumentBody,
    HealthBody,
    RelatedBody,
    ReportBody,
    ReportsBody,
    ResumedBody,
    RetriedBody,
    ScheduleBody,
    SchedulesBody,
    StartedBody,
    WorkflowBody,
    WorkflowsBody,
)
from durable_research.web.api.schemas import ResultBody
from durable_research.web.api.system_bodies import MetricsBody, SystemBody
from durable_research.web.api.workflow_bodies import HistoryBody, WholeStatusBody
from durable_research.web.http import event_stream

JSON = "application/json"
PDF = "application/pdf"
_FILE = ("Range", "If-Range", "If-None-Match")
_ID = "<workflow_id>"
_REPORT = "<report_id>"
_SCHEDULE = "<schedule_id>"
_LIST = ("status", "kind", "text", "limit", "cursor")


@dataclass(frozen=True)
class Route:
    """One address. `problems` are the statuses of its own refusals; those of every address are added.

    `answer` is the type of its JSON answer, and None of any other answer.
    """

    name: str
    method: str
    path: str
    summary: str
    produces: str = JSON
    success: int = 200
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    problems: tuple[int, ...] = ()
    answer: Any = None
    answer_headers: tuple[str, ...] = ()
    request: type[BaseModel] | None = None
    defaults: dict[str, str] = field(default_factory=dict)

    @property
    def is_file(self) -> bool:
        """Whether it answers with a file, whole, in part or not modified."""
        return "If-None-Match" in self.headers


STARTS = tuple(
    Route(
        name=f"start_{pipeline.path.replace('-', '_')}",
        method="POST",
        path=f"/api/workflows/{pipeline.path}",
        summary=f"Start the {pipeline.path} pipeline",
        success=202,
        headers=("Idempotency-Key",),
        problems=(403, 415, 503),
        answer=StartedBody,
        answer_headers=("Location", "Idempotency-Replayed"),
        request=pipeline.request,
        defaults={"pipeline": pipeline.path},
    )
    for pipeline in PIPELINES.values()
)

SCHEDULES = (
    Route(
        "add_schedule",
        "POST",
        "/api/schedules",
        "Ask a question again and again",
        success=201,
        headers=("Idempotency-Key",),
        problems=(403, 409, 415, 503),
        answer=ScheduleBody,
        answer_headers=("Idempotency-Replayed",),
        request=ScheduleRequest,
    ),
    Route(
        "list_schedules", "GET", "/api/schedules", "List schedules, newest first", problems=(503,), answer=SchedulesBody
    ),
    *(
        Route(
            f"{verb}_schedule",
            "POST",
            f"/api/schedules/{_SCHEDULE}/{verb}",
            words,
            problems=(403, 404, 415, 503),
            answer=ScheduleBody,
        )
        for verb, words in (("pause", "Ask no more until it is resumed"), ("resume", "Ask again from the next time on"))
    ),
    Route(
        "delete_schedule",
        "DELETE",
        f"/api/schedules/{_SCHEDULE}",
        "Remove a schedule; the reports that it asked for stay",
        success=204,
        problems=(403, 404, 415, 503),
    ),
)

ROUTES = (
    *STARTS,
    Route(
        "list_workflows",
        "GET",
        "/api/workflows",
        "List workflows, newest first",
        query=_LIST,
        problems=(503,),
        answer=WorkflowsBody,
    ),
    Route(
        "status",
        "GET",
        f"/api/workflows/{_ID}/status",
        "Where a workflow stands",
        problems=(404, 503),
        answer=WholeStatusBody,
    ),
    Route(
        "result",
        "GET",
        f"/api/workflows/{_ID}/result",
        "The result of a finished workflow",
        problems=(404, 409, 503),
        answer=ResultBody,
    ),
    Route(
        "events",
        "GET",
        f"/api/workflows/{_ID}/events",
        "Follow a workflow's progress log as server-sent events",
        produces=event_stream.MEDIA_TYPE,
        query=("after",),
        headers=("Last-Event-ID",),
        problems=(404, 429, 503),
    ),
    Route(
        "history",
        "GET",
        f"/api/workflows/{_ID}/history",
        "The Event History as the engine keeps it",
        problems=(404, 503),
        answer=HistoryBody,
    ),
    Route(
        "cancel",
        "POST",
        f"/api/workflows/{_ID}/cancel",
        "Ask a workflow to stop",
        success=202,
        problems=(403, 404, 409, 415, 503),
        answer=WorkflowBody,
    ),
    Route(
        "retry",
        "POST",
        f"/api/workflows/{_ID}/retry",
        "Try now what waits for its next try",
        success=202,
        problems=(403, 404, 409, 415, 503),
        answer=RetriedBody,
    ),
    Route(
        "decide",
        "POST",
        f"/api/workflows/{_ID}/decide",
        "Answer what a workflow that waits for a person asks",
        success=202,
        problems=(403, 404, 409, 415, 503),
        answer=WorkflowBody,
        request=DecisionRequest,
    ),
    Route(
        "draft",
        "GET",
        f"/api/workflows/{_ID}/draft",
        "The draft that waits for approval, as Markdown",
        produces="text/markdown",
        headers=_FILE,
        problems=(404, 409, 416, 503),
    ),
    Route(
        "draft_pdf",
        "GET",
        f"/api/workflows/{_ID}/draft.pdf",
        "The PDF that waits for approval",
        produces=PDF,
        headers=_FILE,
        problems=(404, 409, 416, 503),
    ),
    Route(
        "approve",
        "POST",
        f"/api/workflows/{_ID}/approve",
        "Approve, edit or refuse the draft that waits",
        success=202,
        headers=("Idempotency-Key",),
        problems=(403, 404, 409, 415, 503),
        answer=DecidedBody,
        request=ApprovalRequest,
    ),
    Route(
        "resume",
        "POST",
        f"/api/workflows/{_ID}/resume",
        "Go on from the step that failed, perhaps with a corrected text",
        success=202,
        headers=("Idempotency-Key",),
        problems=(403, 404, 409, 415, 503),
        answer=ResumedBody,
        answer_headers=("Idempotency-Replayed",),
        request=ResumeRequest,
    ),
    Route(
        "texts",
        "GET",
        f"/api/workflows/{_ID}/texts/<name>",
        "A text that a finished workflow wrote, or a failed report's, as Markdown",
        produces="text/markdown",
        headers=_FILE,
        problems=(404, 409, 416, 503),
    ),
    Route(
        "related",
        "GET",
        f"/api/workflows/{_ID}/related",
        "Finished reports and posts about similar things, nearest first",
        problems=(404, 503),
        answer=RelatedBody,
    ),
    Route(
        "list_reports",
        "GET",
        "/api/reports",
        "List finished reports, newest first",
        query=("text", "limit", "cursor"),
        problems=(503,),
        answer=ReportsBody,
    ),
    Route(
        "report",
        "GET",
        f"/api/reports/{_REPORT}",
        "A finished report's facts",
        problems=(404, 409, 503),
        answer=ReportBody,
    ),
    *(
        Route(
            f"report_{extension}",
            "GET",
            f"/api/reports/{_REPORT}.{extension}",
            f"A finished report as {words}",
            produces=media_type,
            headers=_FILE,
            problems=(404, 409, 416, 503),
        )
        for extension, words, media_type in (
            ("pdf", "PDF", PDF),
            ("md", "Markdown", "text/markdown"),
            ("html", "HTML", "text/html"),
        )
    ),
    *SCHEDULES,
    Route("system", "GET", "/api/system", "The whole system as an operator sees it", answer=SystemBody),
    Route("metrics", "GET", "/api/metrics", "What happened over time", query=("range",), answer=MetricsBody),
    Route("openapi", "GET", "/api/openapi.json", "This document", answer=DocumentBody),
    Route("health", "GET", "/health", "Each dependency and whether it answers", answer=HealthBody),
    Route("livez", "GET", "/livez", "Whether the process lives", answer=AliveBody),
    Route("readyz", "GET", "/readyz", "Whether requests can be accepted", problems=(503,), answer=AliveBody),
)
BY_NAME = {route.name: route for route in ROUTES}
