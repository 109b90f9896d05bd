"""Registers the pages and our own files."""

from quart import Blueprint, Response, request

from durable_research.operations.everything import Operations
from durable_research.web import checks
from durable_research.web.assets import Assets
from durable_research.web.pages.home import HomePages
from durable_research.web.pages.reports import ReportPages
from durable_research.web.pages.schedules import SchedulePages
from durable_research.web.words import capitalize_first


def pages_blueprint(operations: Operations, assets: Assets, public_url: str | None) -> Blueprint:
    """Every page."""
    home, reports, schedules = HomePages(operations), ReportPages(operations), SchedulePages(operations)
    blueprint = Blueprint("pages", __name__)

    async def static(name: str) -> Response:
        return assets.response(request, name)

    for path, method, view in (
        ("/", "GET", home.home),
        ("/reports", "POST", home.ask),
        ("/reports", "GET", reports.library),
        ("/reports/<report_id>", "GET", reports.report),
        ("/reports/<report_id>/cancel", "POST", reports.cancel),
        ("/reports/<report_id>/decide", "POST", reports.decide),
        ("/schedules", "GET", schedules.schedules),
        ("/schedules", "POST", schedules.add),
        ("/schedules/<schedule_id>/pause", "POST", schedules.pause),
        ("/schedules/<schedule_id>/resume", "POST", schedules.resume),
        ("/schedules/<schedule_id>/delete", "POST", schedules.delete),
        ("/static/<name>", "GET", static),
    ):
        blueprint.add_url_rule(path, endpoint=view.__name__, view_func=view, methods=[method])
    blueprint.add_app_template_global(assets.url, "asset")
    blueprint.add_app_template_filter(capitalize_first, "capitalize_first")

    @blueprint.before_request
    async def check() -> None:
        if request.routing_exception is None:
            checks.check_origin(request, public_url)

    return blueprint
