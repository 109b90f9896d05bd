"""Registers the route table, with the checks before every handler that need the table alone."""

import re
from collections.abc import Awaitable, Callable

from quart import Blueprint, Response, request

from durable_research.catalogue import pipeline_at
from durable_research.operations.facade import Operations
from durable_research.web.api.health import HealthApi
from durable_research.web.api.reports import ReportsApi
from durable_research.web.api.routes import BY_NAME, ROUTES, STARTS
from durable_research.web.api.schedules import SchedulesApi
from durable_research.web.api.system import SystemApi
from durable_research.web.api.workflows import WorkflowsApi
from durable_research.web.http import event_stream, query, requests

_START = re.compile(r"/api/workflows/([^/]+)")


def api_blueprint(operations: Operations, streams: event_stream.Streams, public_url: str | None) -> Blueprint:
    """Every address of the route table."""
    views = _views(operations, streams)
    blueprint = Blueprint("api", __name__)
    for route in ROUTES:
        blueprint.add_url_rule(
            route.path,
            endpoint=route.name,
            view_func=views[route.name],
            methods=[route.method],
            defaults=route.defaults,
        )

    @blueprint.before_app_request
    async def name_the_pipelines() -> None:
        # A separate rule for any name would turn the 404 of other methods there into a 405.
        start = _START.fullmatch(request.path) if request.method == "POST" else None
        if start:
            pipeline_at(start[1])

    @blueprint.before_request
    async def check() -> None:
        if request.routing_exception is not None:
            return  # an unknown address or method is answered first
        route = BY_NAME[(request.endpoint or "").removeprefix("api.")]
        requests.check_origin(request, public_url)
        if route.request is not None:
            requests.check_content_type(request, requests.JSON)
        requests.check_accept(request, route.produces)
        query.check_names(request.args, route.query)

    return blueprint


def _views(operations: Operations, streams: event_stream.Streams) -> dict[str, Callable[..., Awaitable[Response]]]:
    workflows, reports, health = WorkflowsApi(operations, streams), ReportsApi(operations), HealthApi(operations)
    schedules, system = SchedulesApi(operations), SystemApi(operations)
    return {
        **{route.name: workflows.start for route in STARTS},
        "list_workflows": workflows.list_workflows,
        "status": workflows.status,
        "result": workflows.result,
        "events": workflows.events,
        "history": workflows.history,
        "cancel": workflows.cancel,
        "retry": workflows.retry,
        "decide": workflows.decide,
        "approve": workflows.approve,
        "draft": workflows.draft,
        "draft_pdf": workflows.draft_pdf,
        "resume": workflows.resume,
        "texts": workflows.text,
        "related": workflows.related,
        "list_reports": reports.list_reports,
        "report": reports.report,
        "report_pdf": reports.pdf,
        "report_md": reports.markdown,
        "report_html": reports.html,
        "add_schedule": schedules.add,
        "list_schedules": schedules.list_schedules,
        "pause_schedule": schedules.pause,
        "resume_schedule": schedules.resume,
        "delete_schedule": schedules.delete,
        "system": system.system,
        "metrics": system.metrics,
        "openapi": health.openapi,
        "health": health.health,
        "livez": health.livez,
        "readyz": health.readyz,
    }
