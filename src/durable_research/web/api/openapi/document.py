"""The OpenAPI document, written from the route table and the types of requests and answers, so that it cannot drift from them.

It is 3.1: one of the two client generators in its tests supports no later one. There is no `itemSchema` in 3.1, and the
meaning of `schema` for a stream of events is read in three ways (the whole text, a message, a message's data), so a stream's
schema is open and `x-itemSchema` describes each message, as in 3.2.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from durable_research.web.api.bodies import DocumentBody
from durable_research.web.api.openapi import examples, parameters
from durable_research.web.api.routes import JSON, PDF, ROUTES, Route
from durable_research.web.api.schemas import StreamItem, reference, schema_components
from durable_research.web.http import event_stream
from durable_research.web.http.problems import CODES, MEDIA_TYPE, ProblemBody

# Refusals of every address. 405 is not among them: it answers methods that are not described.
ANY_ADDRESS = (400, 406, 408, 413, 414, 422, 431, 500)
_FILE_HEADERS = ("ETag", "Cache-Control", "Accept-Ranges", "Content-Disposition")
_PROBLEM_HEADERS: Mapping[int, tuple[str, ...]] = {
    409: ("Retry-After",),
    416: ("Content-Range",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}


@cache
def document() -> DocumentBody:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        path = re.sub(r"<(\w+)>", r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Durable AI Research",
            "version": _version(),
            "license": {"name": "MIT", "identifier": "MIT"},
            "description": "Ask a question, get a typeset research report, made by durable steps.",
        },
        "paths": paths,
        "components": {
            "schemas": schema_components(
                {route.answer for route in ROUTES if route.answer is not None},
                {route.request for route in ROUTES if route.request is not None},
            ),
            "responses": {f"Problem{status}": _problem(status) for status in CODES},
            "headers": parameters.header_components(),
        },
    }


def _version() -> str:
    try:
        return version("durable-research")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0"


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": [
            *(
                parameters.of_path(name) | {"example": examples.PATH[name]}
                for name in re.findall(r"<(\w+)>", route.path)
            ),
            *(parameters.of_query(name) for name in route.query),
            *(parameters.of_header(name) for name in route.headers),
        ],
        "responses": _answers(route)
        | {
            str(status): {"$ref": f"#/components/responses/Problem{status}"}
            for status in sorted({*ANY_ADDRESS, *route.problems})
        },
    }
    if route.request is not None:
        content = {"schema": reference(route.request), "examples": examples.requests_of(route.name)}
        operation["requestBody"] = {"required": True, "content": {JSON: content}}
    return operation


def _answers(route: Route) -> dict[str, Any]:
    """The successful answers, by their status."""
    headers = parameters.answer_headers(*route.answer_headers, *(_FILE_HEADERS if route.is_file else ()))
    success: dict[str, Any] = {"description": route.summary, "headers": headers}
    responses = {str(route.success): success}
    if route.success == 204:
        return responses
    success["content"] = {route.produces: _content(route)}
    if route.is_file:
        part = parameters.answer_headers(*_FILE_HEADERS, "Content-Range")
        responses["206"] = {
            "description": "the part that was asked for",
            "headers": part,
            "content": {route.produces: {"schema": _file_schema(route)}},
        }
        responses["304"] = {"description": "the reader has it", "headers": parameters.answer_headers(*_FILE_HEADERS)}
    return responses


def _content(route: Route) -> dict[str, Any]:
    if route.produces == event_stream.MEDIA_TYPE:
        words = "messages as x-itemSchema says, with `retry` before them and comments that keep the connection"
        content: dict[str, Any] = {"schema": {"description": words}, "x-itemSchema": reference(StreamItem)}
    elif route.is_file:
        content = {"schema": _file_schema(route)}
    else:
        content = {"schema": reference(route.answer)}
    if route.name in examples.ANSWERS:
        content["example"] = examples.ANSWERS[route.name]
    return content


def _file_schema(route: Route) -> dict[str, Any]:
    return {"type": "string", "format": "binary"} if route.produces == PDF else {"type": "string"}


def _problem(status: int) -> dict[str, Any]:
    codes = ", ".join(f"`{code}`" for code in CODES[status])
    return {
        "description": f"a problem: {codes}",
        "headers": parameters.answer_headers(*_PROBLEM_HEADERS.get(status, ())),
        "content": {MEDIA_TYPE: {"schema": reference(ProblemBody)}},
    }
