"""Counts, times and traces every answered request, and logs those that change something or are refused.

By the route's template and never by its path. The outermost layer, so that refusals count that no handler makes.
"""

import re
import time
from http import HTTPStatus
from typing import Any, cast

from quart import Quart, request

from durable_research.telemetry import logs, tracing
from durable_research.telemetry.meter import Meter
from durable_research.telemetry.metrics import HTTP_DURATION, HTTP_REQUESTS
from durable_research.telemetry.tracing import OpenSpan
from durable_research.web.http.middleware import App, Message, Receive, Send
from durable_research.web.http.requests import SAFE_METHODS

# What is refused before any routing, or has no handler.
NO_ROUTE = "none"
_ROUTE = "durable_research.route"
# An id of the client's or a proxy's own is logged beside ours and never takes its place: it may be anybody's, or given twice.
_CLIENT_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Measured:
    """Wraps the application; `note_routes` tells it the routes."""

    def __init__(self, inner: App, meter: Meter) -> None:
        self._inner = inner
        self._meter = meter

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Pass one request on, and measure its answer's head."""
        if scope["type"] != "http":
            return await self._inner(scope, receive, send)
        parent = tracing.valid_traceparent(_header(scope, b"traceparent"))
        with tracing.span(tracing.HTTP_REQUEST, parent=parent, method=scope["method"]) as opened:
            return await self._inner(scope, receive, self._measured(scope, send, opened))

    def _measured(self, scope: Any, send: Send, opened: OpenSpan) -> Send:
        began = time.monotonic()

        async def measured(message: Message) -> None:
            if message["type"] == "http.response.start":
                route, method, status = scope.get(_ROUTE, NO_ROUTE), scope["method"], message["status"]
                seconds = time.monotonic() - began
                self._meter.observe(HTTP_DURATION, seconds, route=route, method=method)
                self._meter.count(HTTP_REQUESTS, route=route, method=method, status=str(status))
                if method not in SAFE_METHODS or status >= HTTPStatus.BAD_REQUEST:
                    said = {"method": method, "route": route, "status": status, "seconds": round(seconds, 3)}
                    ids = {"request_id": scope.get("request_id"), "client_request_id": client_request_id(scope)}
                    logs.emit(logs.REQUEST_ANSWERED, **said, **ids)
                opened.set(route=route, status=status, request_id=scope.get("request_id", ""))
                if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    opened.set(error=str(status))
            await send(message)

        return measured


def client_request_id(scope: Any) -> str | None:
    """The request's own X-Request-Id, where it is one and of a form that can be logged."""
    found = _header(scope, b"x-request-id")
    return found if found and _CLIENT_REQUEST_ID.fullmatch(found) else None


def _header(scope: Any, name: bytes) -> str | None:
    """A header that the request has once."""
    found = [value for one, value in scope["headers"] if one == name]
    return found[0].decode("latin-1") if len(found) == 1 else None


def note_routes(app: Quart) -> None:
    """Note the route of each request in its scope, before its handler."""

    @app.before_request
    def note() -> None:
        if request.url_rule is not None:
            scope: dict[str, Any] = cast("dict[str, Any]", request.scope)  # its type lists the server's keys alone
            scope[_ROUTE] = request.url_rule.rule


def routes_of(app: Quart) -> set[str]:
    """The templates of all routes, as the metrics name them."""
    return {rule.rule for rule in app.url_map.iter_rules()} | {NO_ROUTE}
