"""The application: blueprints, error handlers and the middleware. A factory, so that tests build it on fakes."""

from typing import Any

from jinja2 import StrictUndefined
from quart import Quart, Response, request
from werkzeug.exceptions import HTTPException

from durable_research.operations.facade import Operations
from durable_research.settings.settings import Settings
from durable_research.telemetry import logs
from durable_research.telemetry.meter import NO_METER, Meter
from durable_research.web.api.blueprint import api_blueprint
from durable_research.web.api.codec import codec_blueprint
from durable_research.web.http import event_stream, requests
from durable_research.web.http.assets import Assets
from durable_research.web.http.measured import Measured, note_routes
from durable_research.web.http.middleware import LARGEST_BODY_BYTES, Middleware
from durable_research.web.http.problems import MEDIA_TYPE, Problem, body_of, problem_of
from durable_research.web.pages.blueprint import pages_blueprint
from durable_research.web.pages.errors import error_page
from durable_research.web.pages.grafana import grafana_blueprint


def create_app(
    operations: Operations, settings: Settings, streams: event_stream.Streams, meter: Meter = NO_METER
) -> Quart:
    """Build the application on these operations; connects to nothing. Its server drains `streams`."""
    app = Quart(__name__, static_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_BODY_BYTES,
        PROVIDE_AUTOMATIC_OPTIONS=False,  # OPTIONS would be a second, unchecked way to query an address
        RESPONSE_TIMEOUT=None,  # its default would cut every stream after a minute; the middleware drops stalled readers
        PROPAGATE_EXCEPTIONS=False,  # an answer is a problem in tests, too
    )
    # `//api` and `/api/` are not aliases of `/api`: a redirect would be one more kind of answer.
    app.url_map.merge_slashes = False
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    assets = Assets()
    app.register_blueprint(api_blueprint(operations, streams, settings.public_url))
    app.register_blueprint(pages_blueprint(operations, assets, settings.public_url))
    if operations.dashboards:
        app.register_blueprint(grafana_blueprint(operations.dashboards, settings.public_url))
    if settings.codec_origin:
        app.register_blueprint(codec_blueprint(operations.payloads, settings.codec_origin))
    _answer_errors(app, operations)
    note_routes(app)
    gate = Middleware(app.asgi_app, settings.public_url)
    app.asgi_app = Measured(gate, meter)  # type: ignore[assignment,method-assign]  # Quart's own way to wrap
    return app


def _answer_errors(app: Quart, operations: Operations) -> None:
    @app.errorhandler(HTTPException)
    @app.errorhandler(Exception)
    async def answer(error: Exception) -> Any:
        problem = problem_of(getattr(error, "original_exception", None) or error)
        request_id = requests.request_id_of(request)
        if problem.status >= 500 and problem.code == "internal_error":
            rule = str(request.url_rule or "unknown")
            logs.emit(logs.REQUEST_FAILED, exception=error, method=request.method, route=rule)
        if requests.wants_html(request):
            return await error_page(problem, request_id, is_demo=operations.is_demo)
        return _problem_response(problem, request_id)


def _problem_response(problem: Problem, request_id: str) -> Response:
    body = body_of(problem, request.path, request_id)
    return Response(body, problem.status, problem.headers, content_type=MEDIA_TYPE)
