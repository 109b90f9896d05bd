"""Makes every error answer, as application/problem+json (RFC 9457), so that all are complete and none leaks internals."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, NotRequired
from urllib.parse import quote

from pydantic import WithJsonSchema
from typing_extensions import TypedDict
from werkzeug.exceptions import HTTPException

from durable_research.domain.errors import (
    FieldError,
    InfrastructureDown,
    InvalidInput,
    NotReady,
    ResearchError,
    UnknownPipeline,
)
from durable_research.domain.workflows.remedies import Remedy, remedy_for
from durable_research.operations.reading.recoverable import TEXT, EndedWithoutResult
from durable_research.telemetry.tracing import current_trace_id
from durable_research.web.http import addresses

MEDIA_TYPE = "application/problem+json"
# A body stays below 4 KB for any input: this many fields, and this much of the client's text in each.
_MOST_FIELDS = 10
_LONGEST_ECHO = 64
_RETRY_WHEN_DOWN_SECONDS = 2
_RETRY_WHEN_NOT_READY_SECONDS = 1
NOT_FOUND = "there is nothing at this address"
# Every code that the API answers with, by its status.
CODES: Mapping[int, tuple[str, ...]] = {
    400: (
        "bad_request",
        "duplicate_key",
        "invalid_cursor",
        "invalid_host",
        "invalid_idempotency_key",
        "invalid_last_event_id",
        "invalid_utf8",
        "malformed_address",
        "malformed_json",
        "malformed_request",
        "too_deep",
    ),
    403: ("csrf_failed",),
    404: ("not_found", "unknown_pipeline"),
    405: ("method_not_allowed",),
    406: ("not_acceptable",),
    408: ("request_timeout",),
    409: ("already_decided", "invalid_state", "not_ready", "too_many_schedules"),
    413: ("body_too_large",),
    414: ("uri_too_long",),
    415: ("unsupported_media_type",),
    416: ("range_not_satisfiable",),
    422: ("idempotency_key_reused", "invalid_input", "not_an_object"),
    429: ("too_many_streams",),
    431: ("headers_too_large",),
    500: ("internal_error",),
    503: ("dependency_unavailable",),
}
_HTTP_CODES = {405: "method_not_allowed", 413: "body_too_large", 415: "unsupported_media_type"}


class RemedyBody(TypedDict):
    """What mends a failure, the settings that the words name, and whether resuming, or asking anew, helps once it is mended."""

    words: str
    settings: list[str]
    resume: bool
    ask_again: bool


class FieldErrorBody(TypedDict):
    """A field that breaks its rule: a JSON pointer, or the name of a parameter after a slash."""

    pointer: str
    code: str
    detail: str


class ProblemBody(TypedDict):
    """Why a request is refused (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: Annotated[
        str, WithJsonSchema({"type": "string", "enum": [code for codes in CODES.values() for code in codes]})
    ]
    request_id: str
    errors: NotRequired[list[FieldErrorBody]]
    remedy: NotRequired[RemedyBody]
    retry_after: NotRequired[int]
    trace_id: NotRequired[str]


class Problem(Exception):
    """A refusal as an answer. `code` is stable and public; `detail` holds no internals."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.retry_after = retry_after
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)


def problem_of(error: Exception) -> Problem:
    """Translate any exception; one that is no refusal becomes a 500 without details."""
    match error:
        case Problem():
            return error
        case InvalidInput():
            count = (
                "one field breaks its rule"
                if len(error.errors) == 1
                else f"{len(error.errors)} fields break their rules"
            )
            return Problem(error.http_status, error.code, count, errors=error.errors)
        case InfrastructureDown():
            detail = "something that this request needs does not answer; what was accepted before is safe"
            return Problem(503, error.code, detail, retry_after=_RETRY_WHEN_DOWN_SECONDS)
        case NotReady():
            return Problem(409, error.code, error.detail, retry_after=_RETRY_WHEN_NOT_READY_SECONDS)
        case EndedWithoutResult():
            return Problem(error.http_status, error.code, _ended_detail(error))
        case UnknownPipeline():
            return Problem(404, error.code, error.detail)
        case ResearchError() if error.http_status == 404:
            # One wording for all: a client must not distinguish a malformed, unknown or foreign id, or one of another kind.
            return Problem(404, error.code, NOT_FOUND)
        case ResearchError() if error.http_status < 500:
            return Problem(error.http_status, error.code, error.detail)
        case HTTPException() if error.code is not None and 400 <= error.code < 500:
            return _problem_of_http(error, error.code)
        case _:
            return Problem(500, "internal_error", "this is our mistake; quote the request id when you report it")


def _ended_detail(error: EndedWithoutResult) -> str:
    """How it ended, the address of its text, and that it can be resumed."""
    if error.resumable_id is None:
        return error.detail
    text, resume = addresses.text(error.resumable_id, TEXT), addresses.workflow(error.resumable_id, "resume")
    options = f"what was written of it can be read at {text}, and POST {resume} goes on with it"
    return f"{error.ended}; {options}{error.so}"


def remedy_body(remedy: Remedy, *, resumable: bool = False) -> RemedyBody:
    """The remedy of a workflow that can be resumed, or of anything else."""
    return {
        "words": remedy.words,
        "settings": list(remedy.settings),
        "resume": remedy.resume and resumable,
        "ask_again": remedy.ask_again,
    }


def _problem_of_http(error: HTTPException, status: int) -> Problem:
    if status == 404:
        return Problem(404, "not_found", NOT_FOUND)
    allowed = getattr(error, "valid_methods", None)
    headers = {"Allow": ", ".join(sorted(allowed))} if allowed else {}
    code = _HTTP_CODES.get(status, "bad_request")
    return Problem(status, code, HTTPStatus(status).phrase.lower(), headers=headers)


def body_of(problem: Problem, path: str, request_id: str) -> bytes:
    """The body as bytes; ASCII only, so that no text of a client can break it."""
    instance = quote(path, errors="replace")
    body: ProblemBody = {
        "type": f"urn:durable-research:problem:{problem.code}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "instance": instance if len(instance) <= _LONGEST_ECHO else instance[:_LONGEST_ECHO],
        "code": problem.code,
        "request_id": request_id,
    }
    if problem.errors:
        body["errors"] = [
            {"pointer": one.pointer[:_LONGEST_ECHO], "code": one.code, "detail": one.detail[:200]}
            for one in problem.errors[:_MOST_FIELDS]
        ]
    if remedy := remedy_for(problem.code):
        body["remedy"] = remedy_body(remedy)
    if problem.retry_after is not None:
        body["retry_after"] = problem.retry_after
    if trace_id := current_trace_id():
        body["trace_id"] = trace_id
    return json.dumps(body).encode()
