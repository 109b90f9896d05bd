"""A request's span, by its route; its trace goes with what it accepts, and stands where a person reads."""

import asyncio

import pytest

from durable_research.telemetry import logs
from durable_research.telemetry.otlp import OtlpTracer
from tests.collector import Collector, SpanSeen
from tests.installation import PATIENCE_SECONDS
from tests.logged import captured_lines
from tests.web.harness import Harness

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
START = "/api/workflows/generate-report"


async def test_a_requests_span_has_its_route_and_status_and_nothing_that_the_client_wrote(
    harness: Harness, collector: Collector, tracer: OtlpTracer
) -> None:
    client = harness.app.test_client()

    answer = await client.get(
        "/api/workflows/canary/status?canary=1", headers={"User-Agent": "canary", "X-Request-Id": "canary"}
    )
    nowhere = await client.get("/canary")
    tracer.flush()

    status, unknown = (span_of(collector, one.headers["X-Request-Id"]) for one in (answer, nowhere))
    assert (status.name, status.kind) == ("GET /api/workflows/<workflow_id>/status", "server")
    assert status.attributes == {
        "http.request.method": "GET",
        "http.route": "/api/workflows/<workflow_id>/status",
        "http.response.status_code": 422,
        "durable_research.request.id": answer.headers["X-Request-Id"],
    }
    assert (unknown.name, unknown.is_error) == ("GET none", False)
    assert b"canary" not in b"".join(collector.requests)


async def test_a_mistake_of_ours_is_an_error_of_the_span(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, collector: Collector, tracer: OtlpTracer
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("canary")

    monkeypatch.setattr(harness.world.workflows, "list", broken)

    answer = await harness.app.test_client().get("/api/workflows")
    tracer.flush()

    span = span_of(collector, answer.headers["X-Request-Id"])
    assert (span.is_error, span.attributes["error.type"]) == (True, "500")
    assert b"canary" not in b"".join(collector.requests)


async def test_an_accepted_workflow_keeps_the_trace_of_its_request(
    harness: Harness, collector: Collector, tracer: OtlpTracer
) -> None:
    answer = await harness.app.test_client().post(START, json={"prompt": "tides?"}, headers={"traceparent": PARENT})
    report = (await answer.get_json())["workflow_id"]
    await started(harness, report)
    tracer.flush()

    request = span_of(collector, answer.headers["X-Request-Id"])
    (start,) = collector.of(report)
    assert (request.trace, request.parent) == tuple(PARENT.split("-")[1:3])
    assert harness.world.workflows.rows[report].traceparent == f"00-{TRACE}-{request.id}-01"
    assert (start.name, start.trace, start.parent) == ("workflow.start", TRACE, request.id)
    assert harness.world.engine.traceparents[report] == f"00-{TRACE}-{start.id}-01"


async def test_a_start_that_is_tried_again_each_second_is_one_span(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, collector: Collector, tracer: OtlpTracer
) -> None:
    monkeypatch.setattr("durable_research.operations.outbox._TRY_AGAIN_SECONDS", 0.001)
    harness.world.engine.is_away = True
    with captured_lines() as lines:
        answer = await harness.app.test_client().post(START, json={"prompt": "tides?"})
        report = (await answer.get_json())["workflow_id"]
        async with asyncio.timeout(PATIENCE_SECONDS):
            while harness.world.engine.asked < 3:
                await asyncio.sleep(0.001)
        harness.world.engine.is_away = False
        await started(harness, report)
    tracer.flush()

    (start,) = collector.of(report)
    assert start.name == "workflow.start"
    # What failed meanwhile is in the logs, with the id of the request and of the trace.
    tried = [one for one in lines if one["event"] == logs.ENGINE_UNREACHABLE.name]
    request_id = answer.headers["X-Request-Id"]
    assert {(one["workflow_id"], one["trace_id"], one["request_id"]) for one in tried} == {
        (report, start.trace, request_id)
    }


async def test_a_problem_and_its_page_name_the_trace(harness: Harness, tracer: OtlpTracer) -> None:
    client = harness.app.test_client()
    sent = {"traceparent": PARENT}

    problem = await (await client.get("/api/workflows/report-0/status", headers=sent)).get_json()
    page = await (await client.get("/reports/report-0", headers={**sent, "Accept": "text/html"})).get_data(as_text=True)

    assert problem["trace_id"] == TRACE
    assert TRACE in page


async def test_a_workflows_page_names_its_trace(harness: Harness, tracer: OtlpTracer) -> None:
    client = harness.app.test_client()
    answer = await client.post(START, json={"prompt": "tides?"}, headers={"traceparent": PARENT})
    report = (await answer.get_json())["workflow_id"]

    page = await (await client.get(f"/reports/{report}")).get_data(as_text=True)

    assert f"Trace <code>{TRACE}</code>" in page


async def test_where_traces_are_off_nothing_names_one(harness: Harness) -> None:
    client = harness.app.test_client()
    answer = await client.post(START, json={"prompt": "tides?"}, headers={"traceparent": PARENT})
    report = (await answer.get_json())["workflow_id"]

    problem = await (await client.get("/api/workflows/report-0/status", headers={"traceparent": PARENT})).get_json()
    page = await (await client.get(f"/reports/{report}")).get_data(as_text=True)

    assert "trace_id" not in problem
    assert "Trace" not in page
    assert harness.world.workflows.rows[report].traceparent is None


@pytest.mark.parametrize("sent", ["", "canary", PARENT + "-canary", "00-" + "0" * 32 + "-b7ad6b7169203331-01"])
async def test_a_header_that_is_no_traceparent_is_ignored(
    sent: str, harness: Harness, collector: Collector, tracer: OtlpTracer
) -> None:
    answer = await harness.app.test_client().get("/livez", headers={"traceparent": sent})
    tracer.flush()

    assert span_of(collector, answer.headers["X-Request-Id"]).parent == ""


def span_of(collector: Collector, request_id: str) -> SpanSeen:
    """The span of one request, whatever else this process traces meanwhile."""
    (found,) = (one for one in collector.spans if one.attributes.get("durable_research.request.id") == request_id)
    return found


async def started(harness: Harness, report: str) -> None:
    """Wait until the engine has it: the outbox delivers beside the request."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while report not in harness.world.engine.started or not harness.world.workflows.rows[report].engine_started:
            await asyncio.sleep(0.001)
