"""Kill any process at any moment: the report arrives, and the provider bills once."""

import json

import pytest

from durable_research.local.data_folder import DataFolder
from durable_research.telemetry.logs import CONTEXT, EVENTS
from tests.collector import Collector
from tests.installation import Installation, until


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
    assert own_installation.step(report, "llm_call")["attempt"] == 4
    until("the last span of the report", lambda: collector.of(report, "attempt close_workflow"))
    assert_traced_with_three_lost_attempts(own_installation, collector, report)
    assert_every_line_is_a_documented_event(own_installation, prompt)


def assert_traced_with_three_lost_attempts(installation: Installation, collector: Collector, report: str) -> None:
    (start,) = collector.of(report, "workflow.start")
    (request,) = (one for one in collector.spans if one.id == start.parent)
    attempts = collector.of(report, "attempt llm_call")
    started = [event for event in installation.events(report) if event["kind"] == "attempt_started"]
    assert (request.name, request.kind) == ("POST /api/workflows/generate-report", "server")
    assert {one.trace for one in collector.of(report)} == {request.trace}
    assert {one.parent for one in collector.of(report, "attempt ")} == {start.id}
    assert [
        (one.attributes["durable_research.attempt"], one.attributes["durable_research.worker"], one.is_error)
        for one in attempts
    ] == [(event["attempt"], event["worker"], event["attempt"] < 4) for event in started if event["step"] == "llm_call"]
    assert [one.attributes.get("durable_research.end_unknown", False) for one in attempts] == [True, True, True, False]
    # One send, however many died over it; the last attempt took it up.
    assert len(collector.of(report, "provider.send")) <= 1
    assert {one.parent for one in collector.of(report, "provider.") if one.step == "llm_call"} <= {
        one.id for one in attempts
    }
    assert [one.parent for one in collector.of(report, "provider.reattach")][-1] == attempts[-1].id
    assert len({one.id for one in collector.spans}) == len(collector.spans)


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
