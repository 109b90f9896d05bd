"""The check of answers against the OpenAPI document finds differences."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from durable_research.web.api.openapi import examples
from tests import contract

STATUS = "/api/workflows/report-01kb3v8m2q7x0c5d9e4f6g8h1j/status"
RIGHT: dict[str, Any] = examples.ANSWERS["status"]
HEADERS = {"Content-Type": "application/json", "X-Request-Id": "0123456789abcdef"}
PROBLEM = {
    "type": "urn:durable-research:problem:not_found",
    "title": "Not Found",
    "status": 404,
    "detail": "there is nothing at this address",
    "instance": STATUS,
    "code": "not_found",
    "request_id": "0123456789abcdef",
}
OF_PROBLEM = HEADERS | {"Content-Type": "application/problem+json"}


@pytest.fixture
def found() -> Iterator[list[str]]:
    yield contract.WRONG
    contract.WRONG.clear()  # these tests produce them on purpose


@pytest.mark.parametrize(
    ("path", "status", "headers", "body"),
    [
        (STATUS, 200, HEADERS, RIGHT),
        (STATUS, 404, OF_PROBLEM, PROBLEM),
        ("/api/nothing", 404, OF_PROBLEM, PROBLEM),
    ],
)
def test_an_answer_that_matches_the_openapi_document_is_accepted(
    found: list[str], path: str, status: int, headers: dict[str, str], body: Any
) -> None:
    contract.note("GET", path, status, headers, json.dumps(body).encode())

    assert found == []


@pytest.mark.parametrize(
    ("path", "status", "headers", "body", "words"),
    [
        (STATUS, 418, HEADERS, RIGHT, "the status is not described"),
        (STATUS, 200, HEADERS | {"Content-Type": "text/html"}, RIGHT, "the content type 'text/html' is not described"),
        (STATUS, 200, HEADERS | {"ETag": f'"{"0" * 64}"'}, RIGHT, "the header etag is not described"),
        (STATUS, 200, {"Content-Type": "application/json"}, RIGHT, "the header x-request-id is missing"),
        (STATUS, 200, HEADERS, RIGHT | {"secret": 1}, "('secret' was unexpected)"),
        (STATUS, 200, HEADERS, {**RIGHT, "charges": {"settled": 1}}, "'possible_extra' is a required property"),
        (STATUS, 200, HEADERS, RIGHT | {"status": "asleep"}, "'asleep' is not one of"),
        (STATUS, 200, HEADERS, RIGHT | {"created_at": "2026-11-22T09:00:00"}, "is not a 'date-time'"),
        (STATUS, 404, OF_PROBLEM, PROBLEM | {"code": "no_idea"}, "'no_idea' is not one of"),
        (STATUS, 404, OF_PROBLEM, PROBLEM | {"code": "csrf_failed"}, "the code csrf_failed is not described for it"),
        ("/api/nothing", 200, HEADERS, {}, "is answered by an address that is not described"),
        ("/api/nothing", 404, HEADERS, PROBLEM, "is no problem"),
    ],
)
def test_an_answer_that_differs_from_the_openapi_document_is_reported(
    found: list[str], path: str, status: int, headers: dict[str, str], body: Any, words: str
) -> None:
    contract.note("GET", path, status, headers, json.dumps(body).encode())

    assert words in "; ".join(found)
