"""Counts and times every answered request, by the route's template and never by its path.

The outermost layer, so that refusals count that no handler makes.
"""

import time
from typing import Any, cast

from quart import Quart, request

from durable_research.telemetry.meter import Meter
from durable_research.telemetry.metrics import HTTP_DURATION, HTTP_REQUESTS
from durable_research.web.http.middleware import App, Message, Receive, Send

# What is refused before any routing, or has no handler.
NO_ROUTE = "none"
_ROUTE = "durable_research.route"


class Measured:
    """Wraps the application; `note_routes` tells it the routes."""

    def __init__(self, inner: App, meter: Meter) -> None:
        self._inner = inner
        self._meter = meter

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Pass one request on, and measure its answer's head."""
        if scope["type"] != "http":
            return await self._inner(scope, receive, send)
        began = time.monotonic()

        async def measured(message: Message) -> None:
            if message["type"] == "http.response.start":
                route, method = scope.get(_ROUTE, NO_ROUTE), scope["method"]
                self._meter.observe(HTTP_DURATION, time.monotonic() - began, route=route, method=method)
                self._meter.count(HTTP_REQUESTS, route=route, method=method, status=str(message["status"]))
            await send(message)

        return await self._inner(scope, receive, measured)


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
