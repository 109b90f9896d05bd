"""uvicorn's HTTP/1.1 protocol with what it lacks: a bound on heads that never end, and refusals as problems."""

import re
import secrets
import sys
from http import HTTPStatus
from typing import Any, cast

from httptools import HttpParserInvalidMethodError
from quart import Quart
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from durable_research.telemetry import logs
from durable_research.web.http.measured import NO_ROUTE
from durable_research.web.http.middleware import ABORT, LARGEST_HEADERS_BYTES, LONGEST_URL_BYTES
from durable_research.web.http.problems import MEDIA_TYPE, NOT_FOUND, Problem, body_of

# The parser buffers a head, a trailer or a chunk's extension until it is complete; this is the limit of an incomplete one.
_LARGEST_UNPARSED_BYTES = LARGEST_HEADERS_BYTES + 2 * LONGEST_URL_BYTES
_HEAD_SECONDS = 15.0
_REQUEST_LINE = re.compile(rb"[!-~]{1,40} (/[!-~]*) HTTP/1\.[01]\r\n")


class BoundedProtocol(HttpToolsProtocol):
    """One connection; it has the application's addresses, so that unknown methods get the right answer."""

    _unparsed = 0
    _chunk = b""
    _refusal: Problem | None = None
    _head_timer: Any = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(_HEAD_SECONDS, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._chunk = data
        self._unparsed += len(data)
        super().data_received(data)
        if self._unparsed > _LARGEST_UNPARSED_BYTES and not self.transport.is_closing():
            long_url = len(getattr(self, "url", b"")) > LONGEST_URL_BYTES and not self.headers
            self._refusal = (
                Problem(414, "uri_too_long", f"the address is longer than {LONGEST_URL_BYTES} bytes")
                if long_url
                else Problem(431, "headers_too_large", f"the headers are larger than {LARGEST_HEADERS_BYTES} bytes")
            )
            self.send_400_response("")

    def on_message_begin(self) -> None:
        self._unparsed = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._unparsed = 0
        self._head_timer.cancel()
        self.scope["extensions"] = {ABORT: self.transport.abort}  # type: ignore[dict-item]  # our own extension
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unparsed = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.abort()  # an answer is under way; nothing may be written into its middle
            return
        problem = self._refusal or self._problem_of_bad_head()
        request_id = secrets.token_hex(8)
        content = body_of(problem, "/", request_id)
        head = [f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}"]
        head += [f"{name}: {value}" for name, value in problem.headers.items()]
        head += [f"Content-Type: {MEDIA_TYPE}", f"Content-Length: {len(content)}", "Connection: close"]
        head += [f"X-Request-Id: {request_id}", "X-Content-Type-Options: nosniff", "Cache-Control: no-store"]
        logs.emit(logs.REQUEST_ANSWERED, route=NO_ROUTE, status=problem.status, request_id=request_id)
        self.transport.write("\r\n".join([*head, "", ""]).encode() + content)
        self.transport.close()

    def _problem_of_bad_head(self) -> Problem:
        line = _REQUEST_LINE.match(self._chunk)
        # The parser accepts a fixed set of methods; uvicorn calls this while it handles the parser's exception.
        if line and isinstance(sys.exc_info()[1], HttpParserInvalidMethodError):
            app = cast(Quart, self.config.app)
            allowed = app.url_map.bind("localhost").allowed_methods(line[1].decode().partition("?")[0])
            if not allowed:
                return Problem(404, "not_found", NOT_FOUND)
            headers = {"Allow": ", ".join(sorted(allowed))}
            return Problem(405, "method_not_allowed", "method not allowed", headers=headers)
        return Problem(400, "malformed_request", "this is not an HTTP/1.1 request that can be read in one way only")

    def _head_is_late(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
