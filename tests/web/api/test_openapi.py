"""The OpenAPI document describes exactly the registered routes, and docs/api.md lists all of it."""

import re
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from quart.testing import QuartClient

from durable_research.domain.workflows.workflow import Decision
from durable_research.web.api.openapi.document import ANY_ADDRESS, document
from durable_research.web.http.problems import CODES
from tests.web.harness import Harness

DOCS = Path(__file__).parents[3] / "docs"
# Codes of the form on a page and of the address for Temporal's Web UI, which are no part of the API.
NOT_OF_THE_API = {"malformed_form", "wrong_namespace"}


def operations() -> dict[str, dict[str, Any]]:
    """All operations by method and path."""
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    }


async def test_the_served_document_is_valid_openapi_3_1(client: QuartClient) -> None:
    served = await (await client.get("/api/openapi.json")).get_json()

    assert list(OpenAPIV31SpecValidator(served).iter_errors()) == []


async def test_the_document_describes_exactly_the_registered_routes(harness: Harness) -> None:
    registered = {
        f"{method} {rule.rule}".replace("<", "{").replace(">", "}")
        for rule in harness.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
        if rule.endpoint.startswith("api.")
    }

    assert set(operations()) == registered


async def test_every_route_below_api_is_registered_from_the_table(harness: Harness) -> None:
    assert [
        rule
        for rule in harness.app.url_map.iter_rules()
        if rule.rule.startswith("/api") and not rule.endpoint.startswith("api.")
    ] == []


def test_every_decision_is_in_the_document() -> None:
    schemas = document()["components"]["schemas"]

    assert schemas["Decision"]["enum"] == list(Decision)
    choices = schemas["AsksBody"]["properties"]["decisions"]["items"]["anyOf"]
    assert {"$ref": "#/components/schemas/Decision"} in choices


@pytest.mark.parametrize(
    "name", ["ReportRequest", "WholeStatusBody", "ProblemBody", "ReportResultBody", "PostResultBody"]
)
def test_required_fields_of_a_body_are_marked(name: str) -> None:
    required = {
        "ReportRequest": {"prompt"},
        "WholeStatusBody": {
            "error",
            "asks",
            "waits_for",
            "title",
            "created_at",
            "cancel_requested",
            "steps",
            "charges",
        },
        "ProblemBody": {"type", "title", "status", "detail", "instance", "code", "request_id"},
        "ReportResultBody": {"workflow_id", "report_id", "status", "pages"},
        "PostResultBody": {"workflow_id", "post_id", "status", "texts"},
    }

    assert required[name] <= set(document()["components"]["schemas"][name]["required"])


def test_api_md_lists_exactly_the_documents_routes_and_statuses() -> None:
    """The rows to put there: `| `GET /path` | answers | refusals of its own |`."""
    page = (DOCS / "api.md").read_text()
    listed = re.findall(r"^\| `([A-Z]+ /\S+)` \| ([0-9, ]+) \|(?: ([0-9, ]+))? \|$", page, re.MULTILINE)

    assert {row[0]: row[1:] for row in listed} == {
        name: _statuses(operation) for name, operation in operations().items()
    }


def _statuses(operation: dict[str, Any]) -> tuple[str, str]:
    statuses = {int(status) for status in operation["responses"]} - set(ANY_ADDRESS)
    answers = sorted(status for status in statuses if status < 400)
    return ", ".join(map(str, answers)), ", ".join(map(str, sorted(statuses - set(answers))))


def test_errors_md_lists_exactly_the_documents_error_codes() -> None:
    page = (DOCS / "errors.md").read_text().partition("## Codes of the API")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+`) \| (\d+) \|", page, re.MULTILINE)
    listed = {(code, int(status)) for codes, status in rows for code in re.findall(r"`(\w+)`", codes)}

    assert {one for one in listed if one[0] not in NOT_OF_THE_API} == {
        (code, status) for status, codes in CODES.items() for code in codes
    }
