"""Registers the pages and our own files."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from quart import Blueprint, Response, request

from durable_research.catalogue import PIPELINES
from durable_research.descriptor import Pipeline
from durable_research.operations.facade import Operations
from durable_research.web.http import requests
from durable_research.web.http.assets import Assets
from durable_research.web.pages.home import HomePages
from durable_research.web.pages.metrics import MetricsPages
from durable_research.web.pages.schedules import SchedulePages
from durable_research.web.pages.system import SystemPages
from durable_research.web.pages.wording import capitalize_first
from durable_research.web.pages.workflows import WorkflowPages

_Page = tuple[str, str, Callable[..., Awaitable[Any]]]


def pages_blueprint(operations: Operations, assets: Assets, public_url: str | None) -> Blueprint:
    """Every page; each pipeline of the catalogue has the same ones below its own folder."""
    home, schedules = HomePages(operations), SchedulePages(operations)
    blueprint = Blueprint("pages", __name__)

    async def static(name: str) -> Response:
        return assets.response(request, name)

    pages: list[_Page] = [
        ("/", "GET", home.home),
        ("/static/<name>", "GET", static),
        ("/metrics-ui", "GET", MetricsPages(operations, public_url).metrics),
        ("/system", "GET", SystemPages(operations).system),
        ("/schedules", "GET", schedules.schedules),
        ("/schedules", "POST", schedules.add),
        ("/schedules/<schedule_id>/pause", "POST", schedules.pause),
        ("/schedules/<schedule_id>/resume", "POST", schedules.resume),
        ("/schedules/<schedule_id>/delete", "POST", schedules.delete),
    ]
    for pipeline in PIPELINES.values():
        pages += _pages_of(pipeline, operations, home)
    for path, method, view in pages:
        blueprint.add_url_rule(path, endpoint=f"{method} {path}".replace(".", ""), view_func=view, methods=[method])
    blueprint.add_app_template_global(assets.url, "asset")
    blueprint.add_app_template_filter(capitalize_first, "capitalize_first")

    @blueprint.before_request
    async def check() -> None:
        if request.routing_exception is None:
            requests.check_origin(request, public_url)

    return blueprint


def _pages_of(pipeline: Pipeline, operations: Operations, home: HomePages) -> list[_Page]:
    of, base = WorkflowPages(operations, pipeline), f"/{pipeline.page}"
    return [
        (base, "POST", partial(home.start, pipeline)),
        (base, "GET", of.library),
        (f"{base}/<workflow_id>", "GET", of.show),
        (f"{base}/<workflow_id>/cancel", "POST", of.cancel),
        (f"{base}/<workflow_id>/retry", "POST", of.retry),
        (f"{base}/<workflow_id>/decide", "POST", of.decide),
        (f"{base}/<workflow_id>/approve", "POST", of.approve),
        (f"{base}/<workflow_id>/resume", "POST", of.resume),
    ]
