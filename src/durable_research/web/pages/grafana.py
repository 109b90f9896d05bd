"""Grafana below /grafana, for the frame in the page of metrics: the same origin, so that its cookies and the policy hold.

Until there is a login it is served on this machine alone: whoever reaches it may read all of its data.
"""

import ipaddress
from typing import Any
from urllib.parse import unquote, urlsplit

from quart import Blueprint, Request, Response, request
from werkzeug.exceptions import NotFound

from durable_research.ports.dashboards import Dashboards, ForwardedRequest
from durable_research.web.http import requests
from durable_research.web.http.middleware import host_name, is_this_machine

# Its own scripts need what our policy forbids, so that it has its own; who may frame it is ours to say.
_ANCESTORS = "frame-ancestors 'self'"
_POLICY = "content-security-policy"
_OF_A_PROXY = ("forwarded", "via", "x-forwarded-", "x-real-ip")


def grafana_blueprint(dashboards: Dashboards, public_url: str | None) -> Blueprint:
    """Everything below /grafana. A viewer reads, and asks for panels' data by POST."""
    blueprint = Blueprint("grafana", __name__)

    async def forward(path: str = "") -> Response:
        if not is_inside(request, public_url) or ".." in unquote(path).split("/"):
            raise NotFound
        scope: Any = request.scope
        query = scope["query_string"].decode("latin-1")
        target = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
        sent = ForwardedRequest(
            tuple(request.headers.items()), await requests.bytes_of(request), request.method, target
        )
        answer = await dashboards.forward(sent)
        response = Response(answer.body, answer.status)
        response.headers.clear()
        for name, value in answer.headers:
            if name.lower() not in {_POLICY, "x-frame-options"}:
                response.headers.add(name, value)
        # Without one of its own: ours would make the Origin of its requests null, which it refuses.
        response.headers.setdefault("referrer-policy", "same-origin")
        policies = [value for name, value in answer.headers if name.lower() == _POLICY]
        response.headers[_POLICY] = _framed(policies[0] if policies else "")
        return response

    @blueprint.before_request
    async def check() -> None:
        if request.routing_exception is None:
            requests.check_origin(request, public_url)

    for rule in ("/grafana/", "/grafana/<path:path>"):
        blueprint.add_url_rule(rule, endpoint=f"forward {len(rule)}", view_func=forward, methods=["GET", "POST"])
    return blueprint


def _framed(policy: str) -> str:
    """Grafana's policy, in which we say who may frame it."""
    kept = [one for one in policy.split(";") if one.strip() and not one.strip().lower().startswith("frame-ancestors")]
    return ";".join([*kept, f" {_ANCESTORS}" if kept else _ANCESTORS])


def is_inside(asked: Request, public_url: str | None) -> bool:
    """Whether a program on this machine asks, by one of this machine's own names, and no proxy in between."""
    scope: Any = asked.scope
    # What is in front of us may not say so, as a plain nginx does not; a public name does.
    is_public = public_url is not None and not is_this_machine(urlsplit(public_url).hostname or "")
    host, client = host_name(asked.headers.get("Host", "")), scope.get("client")
    proxied = any(name.lower().startswith(_OF_A_PROXY) for name in asked.headers.keys())  # noqa: SIM118 - not a mapping
    by_own_name = host is not None and is_this_machine(host) and not is_public
    return bool(client) and _is_loopback(client[0]) and by_own_name and not proxied


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
