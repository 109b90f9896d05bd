"""Holds every answer that tests see to the API's own document: status, headers, content type and body."""

import json
import re
from collections.abc import Iterator, Mapping, MutableMapping
from datetime import datetime
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from durable_research.web.api.openapi.document import document
from durable_research.web.http.problems import CODES, MEDIA_TYPE

# Differences between the API's answers and the document, in the running test.
WRONG: list[str] = []
_PROBES = ("/health", "/livez", "/readyz")
_OF_EVERY_ANSWER = frozenset({"x-request-id", "cache-control"})
_formats = FormatChecker(formats=())


@_formats.checks("date-time", raises=ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def is_of_the_api(path: str) -> bool:
    return path.startswith("/api") or path in _PROBES


def note(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes | None) -> None:
    """Record an answer's differences; the test that caused them fails at its end. A body of None was not read."""
    lower_headers = {name.lower(): value for name, value in headers.items()}
    WRONG.extend(f"{method} {path} {status}: {one}" for one in _differences(method, path, status, lower_headers, body))


def is_valid(schema: str, value: object) -> bool:
    """Whether a value is one of the type that the document has under this name."""
    return _validator(f"#/components/schemas/{schema}").is_valid(value)


def _differences(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes | None) -> Iterator[str]:
    operation = _operation(method, path)
    if operation is None:
        if status not in CODES:
            yield "is answered by an address that is not described"
        yield from _of_problem(status, headers, body)
        return
    described = operation["responses"].get(str(status))
    if described is None:
        yield "the status is not described"
        return
    if "$ref" in described:
        described = _closed()["components"]["responses"][described["$ref"].rpartition("/")[2]]
    yield from _of_headers(described["headers"], headers)
    content_type = headers.get("content-type", "").partition(";")[0]
    content = described.get("content", {})
    if bool(body) and content_type not in content:
        yield f"the content type {content_type!r} is not described"
    elif body and method != "HEAD":
        yield from _of_body(content[content_type], content_type, status, body)


def _operation(method: str, path: str) -> dict[str, Any] | None:
    for pattern, operations in _addresses():
        if pattern.fullmatch(path):
            found: dict[str, Any] | None = operations.get("get" if method == "HEAD" else method.lower())
            return found
    return None


def _of_problem(status: int, headers: Mapping[str, str], body: bytes | None) -> Iterator[str]:
    if headers.get("content-type") != MEDIA_TYPE:
        yield "is no problem"
    elif body:
        yield from _of_body({"schema": {"$ref": "#/components/schemas/ProblemBody"}}, MEDIA_TYPE, status, body)


def _of_headers(described: Mapping[str, Any], headers: Mapping[str, str]) -> Iterator[str]:
    known = {name.lower(): one for name, one in _closed()["components"]["headers"].items()}
    own = {name.lower() for name in described}
    for name in known.keys() & headers.keys():
        if name not in own | _OF_EVERY_ANSWER:
            yield f"the header {name} is not described"
        value: object = headers[name]
        if known[name]["schema"]["type"] == "integer":
            value = int(headers[name])
        if not Draft202012Validator(known[name]["schema"]).is_valid(value):
            yield f"the header {name} is {value!r}"
    yield from (f"the header {name} is missing" for name in own - headers.keys() if known[name]["required"])


def _of_body(media: Mapping[str, Any], media_type: str, status: int, body: bytes) -> Iterator[str]:
    if "x-itemSchema" in media:
        yield from _of_stream(media["x-itemSchema"]["$ref"], body.decode())
    elif media_type.endswith("json"):
        value = json.loads(body)
        yield from _errors(media["schema"]["$ref"], value)
        if media_type == MEDIA_TYPE and (value["code"] not in CODES[status] or value["status"] != status):
            yield f"the code {value['code']} is not described for it"


def _of_stream(reference: str, text: str) -> Iterator[str]:
    """Every whole message; the last one may have been broken off."""
    for block in text.split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        if not fields.keys() - {"retry"}:
            continue
        yield from _errors(reference, fields)
        kind = "DraftBody" if fields["event"] == "draft" else "EventBody"
        yield from _errors(f"#/components/schemas/{kind}", json.loads(fields["data"]))


def _errors(reference: str, value: object) -> Iterator[str]:
    for error in _validator(reference).iter_errors(value):
        yield f"{error.json_path}: {error.message[:300]}"


@cache
def _addresses() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """The more specific path is matched first: a report's PDF before the report."""
    paths = sorted(_closed()["paths"].items(), key=lambda one: -len(re.sub(r"{\w+}", "", one[0])))
    return [(re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), operations) for path, operations in paths]


@cache
def _validator(reference: str) -> Draft202012Validator:
    resource: Resource[Any] = Resource.opaque(_closed())
    registry: Registry[Any] = Registry().with_resource("urn:api", resource)
    return Draft202012Validator({"$ref": f"urn:api{reference}"}, registry=registry, format_checker=_formats)


@cache
def _closed() -> dict[str, Any]:
    """The document, in which an object has no other fields than those that are described: clients may not rely on that."""
    whole: dict[str, Any] = json.loads(json.dumps(document()))
    _close(whole["components"]["schemas"])
    return whole


def _close(node: Any) -> None:
    if isinstance(node, list):
        for one in node:
            _close(one)
    elif isinstance(node, dict):
        for one in node.values():
            _close(one)
        if isinstance(node.get("properties"), dict) and "type" in node:
            node.setdefault("additionalProperties", False)


class Recorded:
    """Wraps an application, and notes each answer of its API, also one that the reader leaves early."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not is_of_the_api(scope["path"]):
            await self._inner(scope, receive, send)
            return
        status, headers, body = 0, dict[str, str](), bytearray()

        async def listen(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers.update({name.decode(): value.decode() for name, value in message["headers"]})
            body.extend(message.get("body", b""))
            await send(message)

        try:
            await self._inner(scope, receive, listen)
        finally:
            if status:
                note(scope["method"], scope["path"], status, headers, bytes(body))
