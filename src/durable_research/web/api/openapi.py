"""The OpenAPI 3.1 document, written from the route table and the request models, so that it cannot drift from them."""

import re
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from durable_research.domain.approval import Verdict
from durable_research.domain.workflow import Decision, Kind, Status
from durable_research.operations.resuming import Price
from durable_research.web import queries
from durable_research.web.api.routes import ROUTES, Route
from durable_research.web.problems import MEDIA_TYPE

_ANY_ADDRESS = (400, 406, 413, 414, 431, 500)
_STRING: dict[str, Any] = {"type": "string"}
_STRING_OR_NULL: dict[str, Any] = {"type": ["string", "null"]}
_QUERY: dict[str, dict[str, Any]] = {
    "status": {"type": "array", "items": {"type": "string", "enum": list(Status)}},
    "kind": {"type": "string", "enum": list(Kind)},
    "text": {"type": "string", "maxLength": queries.TEXT_LONGEST},
    "limit": {"type": "integer", "minimum": 1, "maximum": queries.LIMIT_MOST, "default": queries.LIMIT_DEFAULT},
    "cursor": _STRING,
    "after": {"type": "integer", "minimum": 0},
}
_HEADERS: dict[str, dict[str, Any]] = {
    "Idempotency-Key": {"type": "string", "minLength": 1, "maxLength": 255},
    "Last-Event-ID": {"type": "integer", "minimum": 0},
    "Range": _STRING,
    "If-None-Match": _STRING,
}


_STRINGS = {"type": "array", "items": _STRING}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _or_null(**properties: Any) -> dict[str, Any]:
    return {"type": ["object", "null"], "properties": properties}


def _strings(*names: str) -> dict[str, Any]:
    return _object(**dict.fromkeys(names, _STRING))


_CHARGES = _object(settled={"type": "integer"}, possible_extra={"type": "integer"})
_REMEDY = _object(words=_STRING, settings=_STRINGS, resume={"type": "boolean"}, ask_again={"type": "boolean"})
_SCHEMAS: dict[str, Any] = {
    "Problem": _object(
        **dict.fromkeys(("type", "title", "detail", "instance", "code", "request_id"), _STRING),
        status={"type": "integer"},
        retry_after={"type": "integer"},
        remedy=_REMEDY,
        errors={"type": "array", "items": _strings("pointer", "code", "detail")},
    )
    | {"required": ["type", "title", "status", "detail", "instance", "code", "request_id"]},
    "Started": _strings("workflow_id", "report_id", "status", "page_url", "status_url", "events_url", "result_url"),
    "Workflow": _strings(
        "workflow_id", "kind", "status", "title", "created_at", "updated_at", "page_url", "status_url"
    ),
    "Resumed": _object(
        **dict.fromkeys(("workflow_id", "kind", "status", "title", "page_url", "status_url"), _STRING),
        resumption={"type": "integer"},
    ),
    "Decided": _object(
        **dict.fromkeys(("workflow_id", "kind", "status", "title", "page_url", "status_url", "decision_id"), _STRING),
        outcome={"type": ["string", "null"], "enum": [*Verdict, None]},
    ),
    "Workflows": _object(
        workflows={"type": "array", "items": {"$ref": "#/components/schemas/Workflow"}},
        next_cursor={"type": ["string", "null"]},
    ),
    "Report": _strings(
        "report_id", "title", "prompt", "asked_at", "model", "sha256", "pdf_url", "markdown_url", "html_url"
    ),
    "Reports": _object(
        reports={"type": "array", "items": {"$ref": "#/components/schemas/Report"}},
        next_cursor={"type": ["string", "null"]},
    ),
    "Status": _object(
        workflow_id=_STRING,
        kind=_STRING,
        status={"type": "string", "enum": list(Status)},
        steps={"type": "array", "items": {"type": "object"}},
        charges=_CHARGES,
        embedding_charges=_CHARGES,
        workers=_object(live={"type": "integer"}),
        asks=_or_null(
            step=_STRING,
            attempt={"type": "integer"},
            decisions={"type": "array", "items": {"type": "string", "enum": [*Decision, *Verdict]}},
            remaining_undos=_STRINGS,
            remedy=_or_null(**_REMEDY["properties"]),
        ),
        waits_for=_or_null(
            what=_STRING,
            since=_STRING_OR_NULL,
            until=_STRING_OR_NULL,
            looks={"type": "integer"},
            last_error=_or_null(code=_STRING, detail=_STRING),
        ),
        error=_or_null(code=_STRING, detail=_STRING, remedy=_or_null(**_REMEDY["properties"])),
        resumption={"type": "integer"},
        resume=_or_null(
            may_charge_again={"type": "boolean"},
            price={"type": "string", "enum": list(Price)},
            words=_STRING,
            has_text={"type": "boolean"},
        ),
        text_url=_STRING_OR_NULL,
        last_seq={"type": "integer"},
    ),
    "Related": _object(
        related={"type": "array", "items": _strings("workflow_id", "kind", "title", "page_url")},
        embeddings={"type": "string", "enum": ["on", "off"]},
    ),
    "Schedule": _object(
        **dict.fromkeys(("schedule_id", "title", "every", "timezone", "created_at"), _STRING),
        paused={"type": "boolean"},
        failed={"type": "boolean"},
        next_at={"type": ["string", "null"]},
        last_at={"type": ["string", "null"]},
    ),
    "Schedules": _object(schedules={"type": "array", "items": {"$ref": "#/components/schemas/Schedule"}}),
    "Health": _object(status={"enum": ["ok", "degraded"]}, dependencies={"type": "object"}),
    "Object": {"type": "object"},
}


@cache
def document() -> dict[str, Any]:
    """The whole document."""
    schemas, paths = dict(_SCHEMAS), dict[str, dict[str, Any]]()
    for route in ROUTES:
        if route.request is not None:
            schema = route.request.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= schema.pop("$defs", {})
            schemas[route.request.__name__] = schema
        path = re.sub(r"<(\w+)>", r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Durable AI Research", "version": _version()},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _version() -> str:
    try:
        return version("durable-research")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0"


def _operation(route: Route) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": _STRING}
                for name in re.findall(r"<(\w+)>", route.path)
            ),
            *({"name": name, "in": "query", "schema": _QUERY[name]} for name in route.query),
            *({"name": name, "in": "header", "schema": _HEADERS[name]} for name in route.headers),
        ],
        "responses": {str(route.success): _answer(route)}
        | {str(status): _problem() for status in sorted({*_ANY_ADDRESS, *route.problems})},
    }
    if route.request is not None:
        schema = {"$ref": f"#/components/schemas/{route.request.__name__}"}
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return made


def _answer(route: Route) -> dict[str, Any]:
    if route.success == 204:
        return {"description": route.summary}
    schema = {"$ref": f"#/components/schemas/{route.schema}"} if route.produces == "application/json" else _STRING
    return {"description": route.summary, "content": {route.produces: {"schema": schema}}}


def _problem() -> dict[str, Any]:
    return {"description": "a problem", "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
