"""Kill any process at any moment: the report arrives, and the provider bills once."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from durable_research.local.data_folder import DataFolder
from durable_research.telemetry.logs import CONTEXT, EVENTS
from tests.collector import Collector, SpanSeen
from tests.installation import Installation, until

END_UNKNOWN = "durable_research.end_unknown"


def holder(installation: Installation, report: str, step: str) -> str:
    """The worker that runs a step, once it runs."""

    def holding_worker() -> str | None:
        found = installation.step(report, step)
        return found["worker"] if found["state"] == "running" else None

    return until(f"{step} to run", holding_worker)


def accepted(installation: Installation, prompt: str) -> None:
    until("the provider to accept the call", lambda: installation.billing_log(prompt) or None)


def assert_arrived_and_billed_once(installation: Installation, report: str, prompt: str) -> None:
    status = installation.finished(report)
    assert status["status"] == "done", status
    assert status["charges"] == {"settled": 1, "possible_extra": 0}
    assert len(installation.billing_log(prompt)) == 1
    # A delivery whose receipt was lost with the worker is repeated with the same id; the receiver marks it as a repeat.
    deliveries = installation.billing_log(report, kind="webhook")
    assert len({line["key"] for line in deliveries}) == 1
    assert sum(not line.get("repeat") for line in deliveries) == 1


def test_a_worker_killed_during_the_model_call_causes_no_second_charge(installation: Installation) -> None:
    installation.latency(8)
    prompt = "A worker dies in the model call"
    report = installation.submit(prompt)
    accepted(installation, prompt)
    killed = holder(installation, report, "llm_call")
    installation.call_committed(report)

    installation.kill(killed)

    assert_arrived_and_billed_once(installation, report, prompt)
    assert installation.step(report, "llm_call")["worker"] != killed
    kinds = [event["kind"] for event in installation.events(report) if event.get("step") == "llm_call"]
    assert kinds == ["attempt_started", "attempt_lost", "attempt_started", "attempt_reattached", "attempt_completed"]


@pytest.mark.parametrize(
    "points",
    [
        ("llm_call.sent", "create_pdf.rendered", "store_report_metadata.stored", "send_notification.sent"),
        ("llm_call.settled", "create_pdf.stored"),
    ],
    ids="-".join,
)
def test_a_worker_killed_at_any_crash_point_is_replaced_by_another(
    own_installation: Installation, points: tuple[str, ...]
) -> None:
    """One death in each step; a step that can die at two points does so in two installations."""
    own_installation.environment["DURABLE_RESEARCH_FAILPOINTS"] = ",".join(f"{point}=kill@1" for point in points)
    own_installation.start()
    own_installation.latency(0.5)
    prompt = f"Die at {points}"

    report = own_installation.submit(prompt)

    assert_arrived_and_billed_once(own_installation, report, prompt)
    lost = {event["step"]: event for event in own_installation.events(report) if event["kind"] == "attempt_lost"}
    died = [point.split(".")[0] for point in points]
    assert list(lost) == died
    for name in died:
        step = own_installation.step(report, name)
        assert step["attempt"] == 2
        assert step["worker"] != lost[name]["worker"]


def test_three_kills_in_one_step_do_not_use_up_its_three_allowed_failures(
    own_installation: Installation, collector: Collector
) -> None:
    own_installation.environment["DURABLE_RESEARCH_FAILPOINTS"] = "llm_call.answered=kill@1-3"
    own_installation.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
    own_installation.environment["OTEL_BSP_SCHEDULE_DELAY"] = "100"
    own_installation.start()
    own_installation.latency(0.2)
    prompt = "Three kills in one step"

    report = own_installation.submit(prompt)

    assert_arrived_and_billed_once(own_installation, report, prompt)
    # A busy machine may lose one more.
    assert own_installation.step(report, "llm_call")["attempt"] >= 4
    until("the last span of the report", lambda: collector.of(report, "attempt close_workflow"))
    assert_traced_with_lost_attempts(own_installation, collector, report)
    assert_every_line_is_a_documented_event(own_installation, prompt)


def assert_traced_with_lost_attempts(installation: Installation, collector: Collector, report: str) -> None:
    (start,) = collector.of(report, "workflow.start")
    (request,) = (one for one in collector.spans if one.id == start.parent)
    attempts = {one.id: one for one in collector.of(report, "attempt llm_call")}
    assert (request.name, request.kind) == ("POST /api/workflows/generate-report", "server")
    assert {one.trace for one in collector.of(report)} == {request.trace}
    assert {one.parent for one in collector.of(report, "attempt ")} == {start.id}
    assert_attempts_are_as_logged(installation, collector, report)
    # One send, however many died over it; the last attempt that took it up is the log's.
    assert len(collector.of(report, "provider.send")) <= 1
    assert {one.parent for one in collector.of(report, "provider.") if one.step == "llm_call"} <= attempts.keys()
    took_up = attempts[collector.of(report, "provider.reattach")[-1].parent].attributes["durable_research.attempt"]
    assert took_up == of_llm_call(installation, report, "attempt_reattached")[-1]["attempt"]
    # A worker that was given up and lives on writes its attempt's span too, by the same id.
    lost = {one.id for one in collector.spans if one.attributes.get(END_UNKNOWN)}
    others = [one.id for one in collector.spans if one.id not in lost]
    assert len(set(others)) == len(others)


def of_llm_call(installation: Installation, report: str, kind: str) -> list[dict[str, Any]]:
    return [event for event in installation.events(report) if event["kind"] == kind and event.get("step") == "llm_call"]


def assert_attempts_are_as_logged(installation: Installation, collector: Collector, report: str) -> None:
    """Each attempt has its span; all but the completed one failed, and of those that were lost the end is unknown."""
    spans = collector.of(report, "attempt llm_call")
    started, lost, completed = (
        {event["attempt"]: event.get("worker") for event in of_llm_call(installation, report, f"attempt_{kind}")}
        for kind in ("started", "lost", "completed")
    )

    def numbers(found: Iterable[SpanSeen]) -> set[int]:
        return {one.attributes["durable_research.attempt"] for one in found}

    assert {
        (one.attributes["durable_research.attempt"], one.attributes["durable_research.worker"]) for one in spans
    } == set(started.items())
    assert numbers(one for one in spans if one.attributes.get(END_UNKNOWN)) == lost.keys()
    assert numbers(one for one in spans if one.is_error) == started.keys() - completed.keys()
    assert (len(lost) >= 3, len(completed)) == (True, 1)


def assert_every_line_is_a_documented_event(installation: Installation, prompt: str) -> None:
    lines = [
        json.loads(line)
        for path in sorted(DataFolder(installation.data).logs.iterdir())
        if path.name.startswith(("api", "worker"))
        for line in path.read_text().splitlines()
    ]
    by_name = {event.name: event for event in EVENTS}
    assert {line["event"] for line in lines} <= by_name.keys()
    for line in lines:
        fields = {*by_name[line["event"]].fields, *CONTEXT, "event", "level", "timestamp", "exception"}
        assert line.keys() <= fields, line
    assert prompt not in json.dumps(lines)


@pytest.mark.parametrize("server", ["temporal", "postgres", "simulator"])
def test_a_server_killed_and_restarted_during_a_report_loses_nothing(installation: Installation, server: str) -> None:
    installation.latency(4)
    prompt = f"The {server} dies"
    report = installation.submit(prompt)
    accepted(installation, prompt)
    holder(installation, report, "llm_call")
    installation.call_committed(report)

    installation.kill(server)

    assert_arrived_and_billed_once(installation, report, prompt)


def test_after_a_kill_of_all_processes_the_next_up_finishes_the_report(own_installation: Installation) -> None:
    own_installation.start()
    own_installation.latency(8)
    prompt = "Everything dies"
    report = own_installation.submit(prompt)
    accepted(own_installation, prompt)
    own_installation.call_committed(report)

    own_installation.kill_all()
    own_installation.start()

    assert_arrived_and_billed_once(own_installation, report, prompt)
