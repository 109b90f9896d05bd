"""Requests are counted by route, method and status; what a client invents makes no series."""

import json
from typing import Any

import pytest
from quart import Response

from durable_research.domain.caller import LOCAL_CALLER
from durable_research.telemetry import logs
from durable_research.telemetry.metric import Role, Vocabulary
from durable_research.telemetry.metrics import EVENT_STREAMS, HTTP_DURATION, HTTP_REQUESTS
from durable_research.telemetry.registry import Registry
from durable_research.web.app import create_app
from durable_research.web.http.event_stream import Streams
from durable_research.web.http.measured import routes_of
from tests.logged import captured_lines
from tests.measured import series, value
from tests.web.harness import Harness

STATUS_ROUTE = "/api/workflows/<workflow_id>/status"
Line = dict[str, Any]


def answered(lines: list[Line], *answers: Response) -> list[Line]:
    """The lines about these answers alone: other tests' workflows may still be logging."""
    ids = {answer.headers["X-Request-Id"] for answer in answers}
    return [line for line in lines if line["event"] == logs.REQUEST_ANSWERED.name and line.get("request_id") in ids]


@pytest.fixture
def registry(harness: Harness) -> Registry:
    routes: set[str] = set()
    registry = Registry(Role.API, {**dict.fromkeys(Vocabulary, ()), Vocabulary.ROUTE: routes})
    harness.app = create_app(harness.operations, harness.settings, harness.streams, registry)
    routes |= routes_of(harness.app)
    return registry


async def test_a_request_counts_by_its_route_and_status(harness: Harness, registry: Registry) -> None:
    client, report = harness.app.test_client(), await harness.queued()

    await client.get(f"/api/workflows/{report}/status")
    await client.get("/api/workflows/report-0/status")

    found = {
        status: value(registry, HTTP_REQUESTS, route=STATUS_ROUTE, method="GET", status=status)
        for status in ("200", "404")
    }
    assert found == {"200": 1, "404": 1}
    assert value(registry, HTTP_DURATION, route=STATUS_ROUTE, method="GET") == 2


async def test_what_clients_invent_makes_no_series(harness: Harness, registry: Registry) -> None:
    client = harness.app.test_client()
    for number in range(50):
        await client.get(f"/no/such/page/{number}?user={number}")
        await client.patch(f"/api/workflows/w{number}/status", json={})
        await client.get("/livez", headers={"Host": f"host{number}.example"})

    requests = series(registry.text(), HTTP_REQUESTS)
    assert {labels: count for labels, count in requests.items() if count} == {
        (("method", "GET"), ("route", "none"), ("status", "404")): 50,
        (("method", "PATCH"), ("route", "none"), ("status", "405")): 50,
        (("method", "GET"), ("route", "none"), ("status", "400")): 50,
    }


async def test_open_streams_are_counted_while_they_are_open(harness: Harness) -> None:
    registry = Registry(Role.API, dict.fromkeys(Vocabulary, ()))
    streams, report = Streams(meter=registry), await harness.queued()
    stream = streams.stream(harness.operations.reading.events(report, LOCAL_CALLER, 0))

    await anext(stream)
    during = value(registry, EVENT_STREAMS)
    await stream.aclose()

    assert (during, value(registry, EVENT_STREAMS)) == (1, 0)


async def test_a_refused_request_is_logged_by_the_id_that_its_problem_names(harness: Harness) -> None:
    client = harness.app.test_client()

    with captured_lines() as lines:
        answer = await client.get("/api/workflows/report-0/status")
        alive = await client.get("/livez")

    (line,) = answered(lines, answer, alive)
    assert (line["route"], line["method"], line["status"]) == (STATUS_ROUTE, "GET", 404)
    assert line["request_id"] == (await answer.get_json())["request_id"] == answer.headers["X-Request-Id"]
    assert "client_request_id" not in line


@pytest.mark.parametrize(
    ("sent", "logged"),
    [
        ("3e1b-a.b_C", "3e1b-a.b_C"),
        ("a" * 64, "a" * 64),
        ("a" * 65, None),
        ("", None),
        ("with space", None),
        ('"}', None),
        ("\x1b[2J", None),
        ("caf\xe9", None),
    ],
)
async def test_a_clients_request_id_is_logged_beside_ours_in_a_bounded_form_alone(
    sent: str, logged: str | None, harness: Harness
) -> None:
    with captured_lines() as lines:
        answer = await harness.app.test_client().delete("/api/workflows", headers={"X-Request-Id": sent})

    (line,) = answered(lines, answer)
    assert line.get("client_request_id") == logged
    assert line["request_id"] != sent


async def test_no_line_of_a_request_holds_its_prompt_its_path_or_its_key(harness: Harness) -> None:
    client = harness.app.test_client()

    with captured_lines() as lines:
        answers = [
            await client.post(
                "/api/workflows/generate-report", json={"prompt": "canary"}, headers={"Idempotency-Key": "canary"}
            ),
            await client.post("/api/workflows/canary", json={"prompt": "canary"}),
            await client.get("/canary?canary=canary", headers={"Cookie": "canary", "Authorization": "Bearer canary"}),
        ]

    assert [line["status"] for line in answered(lines, *answers)] == [202, 404, 404]
    assert "canary" not in json.dumps(lines)
