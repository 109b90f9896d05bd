"""The trace of a workflow, from the request that was accepted to the calls at providers."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.worker import Replayer

from durable_research.catalogue import PACKAGES
from durable_research.domain.errors import DocumentError
from durable_research.domain.workflows.progress import EngineAttempt
from durable_research.domain.workflows.workflow import Kind, new_workflow_id
from durable_research.pipelines.reconcile import pipeline
from durable_research.ports.database.workflows import NewWorkflow
from durable_research.telemetry import tracing
from durable_research.telemetry.otlp import OtlpTracer
from durable_research.temporal.worker.plugin import house_rules
from durable_research.worker.registry import WORKFLOWS
from tests.collector import Collector, SpanSeen
from tests.installation import PATIENCE_SECONDS
from tests.pipelines.conftest import Harness

STEPS = ("llm_call", "create_pdf", "store_report_metadata", "send_notification")
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CANARY = "canary-7be2"


async def seen(collector: Collector, tracer: OtlpTracer, workflow: str, last: str) -> list[SpanSeen]:
    """The workflow's spans, once there is one with this name: a span ends a moment after the log has its end."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            await asyncio.to_thread(tracer.flush)
            if collector.of(workflow, last):
                return collector.of(workflow)
            await asyncio.sleep(0.05)


async def accepted(harness: Harness, prompt: str, traceparent: str | None) -> str:
    """A report that was accepted by an API that died before it started the workflow."""
    workflow_id = new_workflow_id(Kind.REPORT, int(datetime.now(UTC).timestamp() * 1000), secrets.token_bytes(10))
    new = NewWorkflow(workflow_id, Kind.REPORT, "default", prompt, {"prompt": prompt}, traceparent=traceparent)
    await harness.workflows.accept(new)
    return workflow_id


async def test_request_start_attempts_and_provider_calls_are_one_trace(
    harness: Harness, collector: Collector, tracer: OtlpTracer
) -> None:
    with tracing.span(tracing.HTTP_REQUEST, parent=PARENT, method="POST") as request:
        report = await harness.submit("How is a report traced?")
    await harness.finished(report)

    spans = await seen(collector, tracer, report, "attempt close")

    assert {one.trace for one in spans} == {PARENT.split("-")[1]}
    (start,) = (one for one in spans if one.name == "workflow.start")
    assert start.parent == str(request.traceparent).split("-")[2]
    attempts = {one.step: one for one in spans if one.name.startswith("attempt ")}
    assert attempts.keys() >= set(STEPS)
    assert {one.parent for one in attempts.values()} == {start.id}
    calls = {
        one.name: one for one in spans if one.name in {"provider.send", "provider.collect"} and one.step == "llm_call"
    }
    assert {one.parent for one in calls.values()} == {attempts["llm_call"].id}
    assert calls["provider.send"].kind == "client"
    assert calls["provider.send"].attributes["durable_research.effect.provider_class"] == "L"
    notices = [one for one in spans if one.name == "notification.send" and one.step == "send_notification"]
    assert {one.parent for one in notices} == {attempts["send_notification"].id}
    assert not any(one.is_error for one in spans)


async def test_the_key_of_a_call_is_that_of_the_ledger(
    harness: Harness, collector: Collector, tracer: OtlpTracer
) -> None:
    report = await harness.submit("Which key has the span?")
    await harness.finished(report)

    spans = await seen(collector, tracer, report, "provider.collect")

    key = next(one for one in spans if one.name == "provider.send").attributes["durable_research.effect.key"]
    assert [line["key"] for line in harness.servers.billing_log("Which key has the span?")] == [key]


async def test_a_replay_makes_no_second_span_and_the_same_commands(
    harness: Harness, collector: Collector, tracer: OtlpTracer
) -> None:
    report = await harness.submit("Does a replay make spans?")
    await harness.finished(report)
    await seen(collector, tracer, report, "attempt close")
    history = await harness.environment.client.get_workflow_handle(report).fetch_history()
    before = len(collector.of(report))

    converter = harness.environment.client.data_converter
    await Replayer(workflows=WORKFLOWS, plugins=[house_rules(PACKAGES, converter)]).replay_workflow(history)
    await asyncio.to_thread(tracer.flush)

    assert len(collector.of(report)) == before
    names = [one.name for one in collector.of(report)]
    assert [names.count(f"attempt {step}") for step in STEPS] == [1, 1, 1, 1]


async def test_each_attempt_that_failed_is_a_span_with_its_number_and_code(
    harness: Harness, quick_retries: None, collector: Collector, tracer: OtlpTracer
) -> None:
    harness.fault("traced while busy", fault="429", times=2, retry_after=0)
    report = await harness.submit("traced while busy")
    await harness.finished(report)

    await seen(collector, tracer, report, "attempt close")

    found = [
        (one.attributes["durable_research.attempt"], one.attributes.get("error.type"), one.is_error)
        for one in collector.of(report, "attempt llm_call")
    ]
    assert found == [(1, "rate_limited", True), (2, "rate_limited", True), (3, None, False)]


async def test_the_span_of_an_attempt_whose_worker_died_is_written_from_the_log(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, collector: Collector, tracer: OtlpTracer
) -> None:
    monkeypatch.setattr(pipeline, "DELIVERY_OVERDUE_AFTER", timedelta(0))
    report = await accepted(harness, "traced though its worker died", PARENT)
    await harness.progress.begin_attempt(report, "llm_call", "dead@1", EngineAttempt("of another run", 1))
    with tracing.span(tracing.STEP_ATTEMPT, parent=PARENT, identity=f"{report} llm_call 1") as of_the_dead:
        of_the_dead.discard()

    await harness.reconcile.reconcile()
    await harness.finished(report)
    await seen(collector, tracer, report, "attempt close")

    lost, taken_over = collector.of(report, "attempt llm_call")
    assert (
        lost.attributes.items()
        >= {
            "durable_research.attempt": 1,
            "durable_research.worker": "dead@1",
            "durable_research.end_unknown": True,
            "error.type": "lost",
        }.items()
    )
    # What the dead worker had written below its own span is below this one.
    assert lost.id == str(of_the_dead.traceparent).split("-")[2]
    assert (lost.trace, lost.parent) == (taken_over.trace, taken_over.parent)
    assert lost.began < lost.ended <= taken_over.ended
    assert (taken_over.attributes["durable_research.attempt"], taken_over.is_error) == (2, False)


async def test_a_workflow_that_another_process_starts_later_stays_in_the_trace_of_its_request(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, collector: Collector, tracer: OtlpTracer
) -> None:
    monkeypatch.setattr(pipeline, "DELIVERY_OVERDUE_AFTER", timedelta(0))
    report = await accepted(harness, "traced though its API died", PARENT)

    with tracing.span(tracing.STEP_ATTEMPT, parent=None, step="reconcile"):
        await harness.reconcile.reconcile()
    await harness.finished(report)
    spans = await seen(collector, tracer, report, "attempt close")

    assert {one.trace for one in spans} == {PARENT.split("-")[1]}
    assert [one.parent for one in spans if one.name == "workflow.start"] == [PARENT.split("-")[2]]


async def test_a_workflow_that_was_accepted_without_a_trace_begins_one(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, collector: Collector, tracer: OtlpTracer
) -> None:
    monkeypatch.setattr(pipeline, "DELIVERY_OVERDUE_AFTER", timedelta(0))
    report = await accepted(harness, "accepted without a trace", None)

    await harness.reconcile.reconcile()
    await harness.finished(report)
    spans = await seen(collector, tracer, report, "attempt close")

    assert [one.parent for one in spans if one.name == "workflow.start"] == [""]
    assert len({one.trace for one in spans}) == 1


async def test_no_span_holds_what_people_or_providers_wrote(
    harness: Harness, quick_retries: None, collector: Collector, tracer: OtlpTracer
) -> None:
    harness.fault(f"{CANARY} refused", fault="401")
    failures = {
        f"{CANARY} refused": None,
        f"{CANARY} set": DocumentError(f"{CANARY} cannot be typeset"),
        f"{CANARY} crash": ValueError(f"{CANARY} in a bug"),
    }

    for prompt, failure in failures.items():
        if failure:
            harness.renderer.fail(prompt, failure)
        report = await harness.submit(prompt, user=f"{CANARY}-user")
        await harness.finished(report)
        await seen(collector, tracer, report, "attempt close")

    assert {one.attributes.get("error.type") for one in collector.spans} >= {
        "model_refused",
        "document_error",
        "internal_error",
    }
    assert CANARY.encode() not in b"".join(collector.requests)
