"""The parameters and the headers of answers in the OpenAPI document: one entry for each name."""

from typing import Any

from durable_research.domain.schedules.schedule import ID_PATTERN as SCHEDULE_ID_PATTERN
from durable_research.domain.workflows.workflow import ID_PATTERN, REPORT_ID_PATTERN
from durable_research.web.http import pagination, query

Schema = dict[str, Any]
_STRING: Schema = {"type": "string"}
# The longest event number, in digits.
_EVENT_NUMBER: Schema = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}

PATH: dict[str, Schema] = {
    "workflow_id": {"type": "string", "pattern": f"^{ID_PATTERN}$"},
    "report_id": {"type": "string", "pattern": f"^{REPORT_ID_PATTERN}$"},
    "schedule_id": {"type": "string", "pattern": f"^{SCHEDULE_ID_PATTERN}$"},
    "name": {"type": "string", "pattern": "^[a-z]+$"},
}
QUERY: dict[str, Schema] = {
    "status": {"type": "array", "items": {"$ref": "#/components/schemas/Status"}, "minItems": 1},
    "kind": {"$ref": "#/components/schemas/Kind"},
    "text": {
        "type": "string",
        "maxLength": query.TEXT_LONGEST,
        "pattern": r"^[^\x00-\x1f\x7f-\x9f]*$",
        "examples": ["tides"],
    },
    "limit": {
        "type": "integer",
        "minimum": 1,
        "maximum": query.LIMIT_MOST,
        "default": query.LIMIT_DEFAULT,
        "examples": [20],
    },
    "cursor": {"type": "string", "minLength": 1, "maxLength": pagination.LONGEST, "pattern": "^[A-Za-z0-9_-]+$"},
    "after": _EVENT_NUMBER | {"examples": [0]},
    "range": {"$ref": "#/components/schemas/ChartRange"},
}
HEADERS: dict[str, Schema] = {
    "Idempotency-Key": {
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "pattern": "^[!-~]+$",
    },
    "Last-Event-ID": _EVENT_NUMBER | {"examples": [0]},
    "Range": _STRING | {"examples": ["bytes=0-99"]},
    "If-Range": _STRING,
    "If-None-Match": _STRING,
}
WORDS: dict[str, str] = {
    "status": "one of these; the parameter may be repeated",
    "text": "words of the title or the question",
    "limit": "how many rows a page holds",
    "cursor": "`next_cursor` of the page before; anything else is refused",
    "after": "the number of the last event that the reader has; Last-Event-ID goes before it",
    "range": "the hour, the day or the week until now; a day without it",
    "Idempotency-Key": "the same key and body once more give the same answer and start nothing",
    "Last-Event-ID": "the number of the last event that the reader has, at most the newest one's",
    "Range": "one part within the file, in bytes",
    "If-Range": "the ETag of the file that the part is of; of another one, the whole file is sent",
    "If-None-Match": "the ETag of what the reader has",
}

ANSWER_HEADERS: dict[str, tuple[str, Schema]] = {
    "X-Request-Id": ("names this request in our logs", {"type": "string", "pattern": "^[0-9a-f]{16}$"}),
    "Location": ("where the status is told", _STRING),
    "Idempotency-Replayed": ("the key had been accepted before", {"type": "string", "enum": ["true"]}),
    "Retry-After": ("seconds", {"type": "integer", "minimum": 1}),
    "ETag": ("changes with the file's bytes", {"type": "string", "pattern": '^"[0-9a-f]{64}"$'}),
    "Accept-Ranges": ("parts may be asked for", {"type": "string", "enum": ["bytes"]}),
    "Content-Disposition": ("a name for the file", _STRING),
    "Content-Range": ("which part it is, and of how many bytes", {"type": "string", "pattern": "^bytes "}),
    "Cache-Control": ("whether the answer may be kept", _STRING),
}


def of_path(name: str) -> Schema:
    """A parameter in the path."""
    return {"name": name, "in": "path", "required": True, "schema": PATH[name]}


def of_query(name: str) -> Schema:
    """A parameter in the query."""
    return _optional(name, "query", QUERY[name])


def of_header(name: str) -> Schema:
    """A header of the request."""
    return _optional(name, "header", HEADERS[name])


def _optional(name: str, where: str, schema: Schema) -> Schema:
    parameter = {"name": name, "in": where, "required": False, "schema": schema}
    if name in WORDS:
        parameter["description"] = WORDS[name]
    return parameter


def answer_headers(*names: str) -> Schema:
    """The headers of an answer besides the common ones."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *names)}


def header_components() -> Schema:
    """The headers that answers refer to."""
    return {
        name: {"description": words, "required": name == "X-Request-Id", "schema": schema}
        for name, (words, schema) in ANSWER_HEADERS.items()
    }
