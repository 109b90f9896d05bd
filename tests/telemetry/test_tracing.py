"""The table of spans and its page; when traces are on; and that sending them hurts nothing."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from durable_research.bootstrap.tracing import are_on, traces
from durable_research.domain.errors import InfrastructureDown
from durable_research.telemetry import logs, otlp, tracing
from durable_research.telemetry.otlp import OtlpTracer
from durable_research.telemetry.tracing import ATTRIBUTES, SPANS, Span, current_trace_id, current_traceparent, span
from tests.collector import Collector
from tests.installation import PATIENCE_SECONDS
from tests.logged import captured_lines
from tests.programs import free_port

PAGE = Path(__file__).parents[2] / "docs" / "traces.md"
EVERY = pytest.mark.parametrize("row", SPANS, ids=[row.name for row in SPANS])
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ATTEMPT: dict[str, Any] = {"workflow_id": "report-1", "step": "llm_call", "attempt": 1, "worker": "worker-1@1"}


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last export has happened when a process ends, however busy the machine is."""
    monkeypatch.setattr(otlp, "_LAST_SEND_SECONDS", PATIENCE_SECONDS)


def documented_row(row: Span) -> str:
    """The row of the page for a span."""
    attributes = ", ".join(f"`{ATTRIBUTES[name].key}`" for name in row.attributes)
    return f"| `{row.name}` | {row.kind} | {attributes} | {row.meaning} |"


@EVERY
def test_every_span_is_documented_as_the_table_has_it(row: Span) -> None:
    assert documented_row(row) in PAGE.read_text().splitlines()


def test_the_page_lists_no_unknown_span_and_no_unknown_attribute() -> None:
    text = PAGE.read_text()
    named = re.findall(r"^\| `([^`]+)` \| (?:server|client|internal) \|", text, re.MULTILINE)

    assert sorted(named) == sorted(row.name for row in SPANS)
    assert [f"| `{one.key}` | {one.meaning} |" for one in ATTRIBUTES.values()] == [
        line for line in text.splitlines() if re.match(r"\| `[a-z_.]+` \| [^|]+ \|$", line) and "OTEL" not in line
    ]


@EVERY
def test_a_span_names_attributes_of_the_table_alone(row: Span) -> None:
    assert set(row.attributes) <= set(ATTRIBUTES)
    assert set(re.findall(r"\{(\w+)\}", row.name)) <= set(row.attributes)


def test_every_span_is_opened_by_code() -> None:
    source = Path(tracing.__file__).parents[1]
    code = "".join(path.read_text() for path in source.rglob("*.py") if path != Path(tracing.__file__))

    assert [
        name for name, one in vars(tracing).items() if isinstance(one, Span) and f"tracing.{name}" not in code
    ] == []


@pytest.mark.parametrize(
    ("environment", "on"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "x", "OTEL_TRACES_SAMPLER": "always_on"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "TRUE"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_traces_are_on_where_a_standard_variable_names_a_collector(environment: dict[str, str], on: bool) -> None:
    assert are_on(environment) is on


def test_without_a_collector_nothing_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    with traces("tester@1"), captured_lines() as lines, span(tracing.STEP_ATTEMPT, **ATTEMPT) as opened:
        opened.set(error="x")
        logs.emit(logs.WORKER_DRAINING, identity="x")
        assert (opened.traceparent, current_traceparent(), current_trace_id()) == (None, None, None)

    assert "trace_id" not in lines[0]


@pytest.mark.usefixtures("patient")
def test_a_process_sends_its_spans_as_it_ends(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{collector.url}/v1/traces")

    with traces("worker-1@1"), span(tracing.STEP_ATTEMPT, **ATTEMPT):
        pass

    (seen,) = collector.spans
    assert (seen.name, seen.kind, seen.parent, seen.is_error) == ("attempt llm_call", "internal", "", False)
    assert (seen.workflow, seen.step, seen.attributes["durable_research.attempt"]) == ("report-1", "llm_call", 1)
    assert seen.resource.items() >= {"service.name": "durable-research", "service.instance.id": "worker-1@1"}.items()


@pytest.mark.usefixtures("patient")
def test_the_service_is_named_by_the_standard_variable(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "research-eu")

    with traces("worker-1@1"), span(tracing.STEP_ATTEMPT, **ATTEMPT):
        pass

    assert collector.spans[0].resource["service.name"] == "research-eu"


def test_spans_within_spans_are_one_trace_and_log_lines_name_it(collector: Collector, tracer: OtlpTracer) -> None:
    with captured_lines() as lines, span(tracing.HTTP_REQUEST, parent=PARENT, method="POST") as request:
        request.set(route="/api/workflows/<path>", status=202)
        with span(tracing.WORKFLOW_START, workflow_id="report-1", workflow_kind="report"):
            logs.emit(logs.WORKER_DRAINING, identity="x")
    tracer.flush()

    start, server = collector.spans
    assert (server.name, start.name) == ("POST /api/workflows/<path>", "workflow.start")
    assert (start.parent, server.parent) == (server.id, PARENT.split("-")[2])
    assert start.trace == server.trace == lines[0]["trace_id"] == PARENT.split("-")[1]


def test_a_failed_span_has_the_errors_code_or_kind_and_never_its_words(
    collector: Collector, tracer: OtlpTracer
) -> None:
    class Foreign(Exception):
        code = "canary: of a provider"

    for error in (
        InfrastructureDown("canary"),
        ValueError("canary"),
        Foreign("canary"),
        asyncio.CancelledError("canary"),
    ):
        with pytest.raises(type(error)), span(tracing.STEP_ATTEMPT, **ATTEMPT):
            raise error
    tracer.flush()

    codes = [one.attributes["error.type"] for one in collector.spans]
    assert codes == [InfrastructureDown.code, "ValueError", "Foreign", "CancelledError"]
    assert all(one.is_error for one in collector.spans)
    assert b"canary" not in b"".join(collector.requests)


def test_an_attribute_that_is_not_in_the_row_is_not_written(collector: Collector, tracer: OtlpTracer) -> None:
    with span(tracing.STEP_ATTEMPT, **ATTEMPT, prompt="canary", title="canary", status=1):
        pass
    tracer.flush()

    assert b"canary" not in b"".join(collector.requests)
    assert set(collector.spans[0].attributes) == {ATTRIBUTES[name].key for name in ATTEMPT}


def test_a_discarded_span_is_not_written(collector: Collector, tracer: OtlpTracer) -> None:
    with span(tracing.WORKFLOW_START, workflow_id="report-1") as opened:
        opened.discard()
    tracer.flush()

    assert collector.spans == []


def test_a_span_that_another_process_began_has_the_id_that_it_would_have_given(
    collector: Collector, tracer: OtlpTracer
) -> None:
    began = datetime(2026, 11, 28, 16, tzinfo=UTC)
    with span(tracing.STEP_ATTEMPT, parent=PARENT, identity="report-1 llm_call 1", **ATTEMPT):
        pass

    times = (began, began + timedelta(seconds=2))
    tracing.record(
        tracing.STEP_ATTEMPT, times, parent=PARENT, identity="report-1 llm_call 1", end_unknown=True, **ATTEMPT
    )
    tracer.flush()

    first, second = collector.spans
    assert (first.id, first.parent, first.trace) == (second.id, second.parent, second.trace)
    assert (second.ended - second.began, second.attributes["durable_research.end_unknown"]) == (2_000_000_000, True)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "none",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        PARENT.upper(),
        PARENT + "-x",
        "ff" + PARENT[2:],
    ],
)
def test_what_is_no_traceparent_begins_a_trace(text: str | None, collector: Collector, tracer: OtlpTracer) -> None:
    assert tracing.valid_traceparent(text) is None
    with span(tracing.STEP_ATTEMPT, parent=text or None, **ATTEMPT):
        pass
    tracer.flush()

    assert collector.spans[0].parent == ""


@pytest.mark.usefixtures("patient")
def test_a_trace_that_is_not_sampled_is_passed_on_and_neither_sent_nor_shown(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")

    with traces("tester@1"), captured_lines() as lines, span(tracing.STEP_ATTEMPT, **ATTEMPT) as opened:
        logs.emit(logs.WORKER_DRAINING, identity="x")
        assert tracing.valid_traceparent(opened.traceparent)
        assert current_trace_id() is None

    assert "trace_id" not in lines[0]
    assert collector.requests == []


@pytest.mark.parametrize("status", [400, 503, None], ids=["refuses", "is overloaded", "is down"])
def test_a_collector_that_takes_no_spans_is_one_warning_and_nothing_else(
    status: int | None, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = collector.url if status else f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20canary,broken canary")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    collector.status = status or 200

    with captured_lines() as lines:
        tracer = OtlpTracer("tester@1", "1.2.3")
        with tracing.installed(tracer):
            for _ in range(3):
                for _ in range(100):
                    with span(tracing.STEP_ATTEMPT, **ATTEMPT):
                        pass
                tracer.flush()
        tracer.close()

    assert [(one["event"], one["level"]) for one in lines] == [(logs.TRACES_DROPPED.name, "warning")]
    assert "canary" not in json.dumps(lines)


@pytest.mark.usefixtures("patient")
def test_a_full_queue_drops_spans_and_says_nothing(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "10")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10")

    with captured_lines() as lines, traces("tester@1"):
        for _ in range(2_000):
            with span(tracing.STEP_ATTEMPT, **ATTEMPT):
                pass

    assert lines == []
    assert 0 < len(collector.spans) <= 2_000
