"""Requests are counted by route, method and status; what a client invents makes no series."""

import pytest

from durable_research.domain.caller import LOCAL_CALLER
from durable_research.telemetry.metric import Role, Vocabulary
from durable_research.telemetry.metrics import EVENT_STREAMS, HTTP_DURATION, HTTP_REQUESTS
from durable_research.telemetry.registry import Registry
from durable_research.web.app import create_app
from durable_research.web.http.event_stream import Streams
from durable_research.web.http.measured import routes_of
from tests.measured import series, value
from tests.web.harness import Harness

STATUS_ROUTE = "/api/workflows/<workflow_id>/status"


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
