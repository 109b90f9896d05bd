"""The HTTP port of a role, for operators' programs: /metrics, /livez and /readyz, and nothing else.

It runs in threads of its own, so that it answers while the event loop hangs. It holds nothing of a tenant.
"""

import hmac
import json
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from socketserver import TCPServer, ThreadingMixIn
from types import TracebackType
from typing import TYPE_CHECKING, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from durable_research.role_port.health import Health

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PROBLEM_TYPE = "application/problem+json"
_METHODS = ("GET", "HEAD")
# A client that sends or reads nothing for this long is dropped; each one has a thread.
_STALLED_SECONDS = 10
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class _Answer:
    status: HTTPStatus
    body: bytes
    content_type: str
    headers: tuple[tuple[str, str], ...] = ()


class CannotListenThere(Exception):
    """The address of the role's port cannot be listened on; the message has the reason and the remedy."""


@dataclass(frozen=True)
class RoleApp:
    """The WSGI application. `metrics` makes the text of all metrics; with a `token`, only its bearer may read them."""

    health: Health
    metrics: Callable[[], bytes]
    token: str | None = None

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        answer = self._answer(environ)
        headers = [
            ("Content-Type", answer.content_type),
            ("Content-Length", str(len(answer.body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            *answer.headers,
        ]
        start_response(f"{answer.status.value} {answer.status.phrase}", headers)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else answer.body]

    def _answer(self, environ: "WSGIEnvironment") -> _Answer:
        path = environ.get("PATH_INFO", "")
        answers = {"/metrics": self._metrics, "/livez": self._livez, "/readyz": self._readyz}
        if path not in answers:
            return _problem(HTTPStatus.NOT_FOUND, "not_found", "there is nothing at this address")
        if environ["REQUEST_METHOD"] not in _METHODS:
            allow = ("Allow", ", ".join(_METHODS))
            return _problem(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", "method not allowed", allow)
        return answers[path](environ)

    def _metrics(self, environ: "WSGIEnvironment") -> _Answer:
        expected = f"Bearer {self.token}".encode()
        if self.token and not hmac.compare_digest(environ.get("HTTP_AUTHORIZATION", "").encode(), expected):
            words = "the metrics are read with the token of DURABLE_RESEARCH_METRICS_TOKEN"
            return _problem(HTTPStatus.UNAUTHORIZED, "token_required", words, ("WWW-Authenticate", "Bearer"))
        return _Answer(HTTPStatus.OK, self.metrics(), _METRICS_TYPE)

    def _livez(self, _: "WSGIEnvironment") -> _Answer:
        return _probe(self.health.why_not_alive, "not_alive")

    def _readyz(self, _: "WSGIEnvironment") -> _Answer:
        return _probe(self.health.why_not_ready, "not_ready")


def _probe(why_not: str | None, code: str) -> _Answer:
    if why_not:
        return _problem(HTTPStatus.SERVICE_UNAVAILABLE, code, why_not)
    return _Answer(HTTPStatus.OK, b'{"status": "ok"}', "application/json")


def _problem(status: HTTPStatus, code: str, detail: str, *headers: tuple[str, str]) -> _Answer:
    body = {
        "type": f"urn:durable-research:problem:{code}",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        "code": code,
    }
    return _Answer(status, json.dumps(body).encode(), _PROBLEM_TYPE, headers)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True  # a slow client must not delay the end of the process

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """As the base class, without its look-up of the host's name, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]  # of an IP socket
        self.setup_environ()


class _Handler(WSGIRequestHandler):
    timeout = _STALLED_SECONDS
    # What is no HTTP is refused without an echo of it.
    error_content_type = _PROBLEM_TYPE
    error_message_format = '{"type": "about:blank", "title": "malformed request", "status": %(code)d}'

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: probes come every few seconds."""


class RolePort:
    """The open port; close it last, so that a draining process can say so until its end."""

    def __init__(self, address: str, app: RoleApp) -> None:
        """Listen on `host:port`, where port 0 is any free one.

        Raises:
            CannotListenThere: another program has the address.
        """
        host, _, port = address.rpartition(":")
        try:
            self._server = _Server(host.strip("[]"), int(port))
        except OSError as cause:
            words = f"cannot listen on {address} for metrics and probes: {cause.strerror}"
            raise CannotListenThere(
                f"{words}; stop what listens there, or set DURABLE_RESEARCH_METRICS_ADDRESS"
            ) from cause
        self._server.set_app(app)
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(_POLL_SECONDS,), name="role-port", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The TCP port."""
        return self._server.server_port

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
