"""Every example of the OpenAPI document is tested: requests are sent, and answers compared."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from quart.testing import QuartClient

from durable_research.domain.workflows.workflow import Kind
from durable_research.web.api.openapi.document import document
from durable_research.web.api.routes import JSON, ROUTES, Route
from tests import contract
from tests.web.api.test_retrying import retrying
from tests.web.harness import DRAFT_SHA256, Harness

OPERATIONS: dict[str, dict[str, Any]] = {
    operation["operationId"]: operation for methods in document()["paths"].values() for operation in methods.values()
}
CALLS = [
    pytest.param(route, value["value"], id=f"{route.name}: {name}" if name else route.name)
    for route in ROUTES
    for name, value in (
        OPERATIONS[route.name]["requestBody"]["content"][JSON]["examples"] if route.request else {"": {"value": None}}
    ).items()
]


async def _running(harness: Harness) -> str:
    report_id = await harness.queued()
    await harness.step(report_id, "llm_call")
    return report_id


async def _done(harness: Harness) -> str:
    report_id = await harness.queued()
    await harness.done(report_id)
    return report_id


async def _post(harness: Harness) -> str:
    post_id = await harness.queued(kind=Kind.POST)
    await harness.written(post_id, text="# Bees\n")
    return post_id


async def _schedule(harness: Harness) -> str:
    schedule_body = {"prompt": "How do tides work?", "every": "1d"}
    made = await harness.app.test_client().post("/api/schedules", json=schedule_body)
    return str((await made.get_json())["schedule_id"])


# The state before the call; for routes not listed here, a finished report.
ARRANGED: dict[str, Callable[[Harness], Awaitable[str]]] = {
    "status": _running,
    "cancel": _running,
    "retry": retrying,
    "decide": lambda harness: harness.waiting(),
    "draft": lambda harness: harness.parked(),
    "draft_pdf": lambda harness: harness.parked(before="before_notify"),
    "approve": lambda harness: harness.parked(),
    "resume": lambda harness: harness.failed(),
    "texts": _post,
    **dict.fromkeys(("list_schedules", "pause_schedule", "resume_schedule", "delete_schedule"), _schedule),
}


@pytest.mark.parametrize(("route", "body"), CALLS)
async def test_each_example_request_gets_the_example_answer(
    client: QuartClient, harness: Harness, route: Route, body: dict[str, Any] | None
) -> None:
    subject = await ARRANGED.get(route.name, _done)(harness)
    path = route.path.replace("<name>", "text")
    for name in ("<workflow_id>", "<report_id>", "<schedule_id>"):
        path = path.replace(name, subject)
    if body and "draft_sha256" in body:
        body = body | {"draft_sha256": DRAFT_SHA256}  # the draft that is there has another one

    sent: dict[str, Any] = {} if body is None else {"json": body}
    answer = await client.open(path, method=route.method, **sent)

    assert answer.status_code == route.success
    example = _example(route)
    if isinstance(example, dict):
        assert set(await answer.get_json()) == set(example)


@pytest.mark.parametrize("route", [route for route in ROUTES if route.answer], ids=lambda route: route.name)
def test_each_example_answer_matches_its_schema(route: Route) -> None:
    if route.name != "openapi":  # its example would be the document itself
        assert contract.is_valid(route.answer.__name__, _example(route))


@pytest.mark.parametrize("route", [route for route in ROUTES if route.request], ids=lambda route: route.name)
def test_each_example_request_matches_its_schema(route: Route) -> None:
    assert route.request is not None
    for example in OPERATIONS[route.name]["requestBody"]["content"][JSON]["examples"].values():
        assert contract.is_valid(route.request.__name__, example["value"])


def _example(route: Route) -> Any:
    return (
        OPERATIONS[route.name]["responses"][str(route.success)]
        .get("content", {})
        .get(route.produces, {})
        .get("example")
    )
