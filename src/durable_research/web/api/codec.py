"""`POST /codec/decode`: opens sealed payloads for Temporal's Web UI on this machine. It cannot seal.

Off unless a setting names the one allowed origin. As there is no login yet, it answers to this machine's own names only,
even if the app is published under others.
"""

from quart import Blueprint, Response, request

from durable_research.ports.engine.payloads import PayloadReader
from durable_research.telemetry import logs
from durable_research.web.api.answers import json_response
from durable_research.web.http import requests
from durable_research.web.http.middleware import host_name, is_this_machine
from durable_research.web.http.problems import NOT_FOUND, Problem

PATH = "/codec/decode"
# The headers of Temporal's Web UI; a browser sends a preflight request for them.
_HEADERS = "content-type, x-namespace"
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")


def codec_blueprint(payloads: PayloadReader, origin: str) -> Blueprint:
    """The address for Temporal's Web UI at exactly this origin, and for programs, which send none."""
    blueprint = Blueprint("codec", __name__)

    @blueprint.before_request
    async def check() -> None:
        if not is_this_machine(host_name(request.headers.get("Host", "")) or ""):
            raise Problem(404, "not_found", NOT_FOUND)
        if any(name in request.headers for name in _FORWARDED):  # a proxy on this machine may forward for any client
            raise Problem(404, "not_found", NOT_FOUND)
        if request.headers.get("Origin", origin) != origin:
            raise Problem(403, "csrf_failed", "only the origin that DURABLE_RESEARCH_CODEC_ORIGIN names may ask here")

    @blueprint.after_request
    async def allow(response: Response) -> Response:
        response.headers["Vary"] = "Origin"
        if request.headers.get("Origin") == origin:
            response.headers["Access-Control-Allow-Origin"] = origin
        return response

    @blueprint.route(PATH, methods=["OPTIONS"])
    async def preflight() -> Response:
        return Response("", 204, {"Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": _HEADERS})

    @blueprint.route(PATH, methods=["POST"])
    async def decode() -> Response:
        requests.check_content_type(request, requests.JSON)
        namespace = request.headers.get("X-Namespace", payloads.namespace)
        if namespace != payloads.namespace:
            raise Problem(422, "wrong_namespace", "this app's payloads are in another namespace than X-Namespace names")
        message = await requests.json_object_of(request)
        opened = payloads.read(message)
        count = len(opened.get("payloads", ()))
        logs.emit(logs.PAYLOADS_DECRYPTED, count=count)
        return json_response(opened)

    return blueprint
