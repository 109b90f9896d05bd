"""Our journeys with model servers written by others, whose own log or journal is the record of their requests.

Doctor is tested here too: in a separate file, another pytest worker would start the same servers once more.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.installation import until
from tests.peers.world import SILENCE_SECONDS, SOME_WORLDS, World

Status = dict[str, Any]
AT_ONCE = 4  # llama.cpp's server answers two at a time


def step_of(status: Status, name: str) -> Status:
    return next(one for one in status["steps"] if one["name"] == name)


def test_a_report_becomes_a_pdf_with_one_model_call(world: World) -> None:
    before = world.peer.calls()

    report = world.installation.submit("Why do tides differ?")

    status = world.installation.finished(report)
    assert status["status"] == "done", status
    world.assert_counted([status], world.peer.calls() - before)
    files = f"{world.installation.api}/api/reports/{report}"
    assert httpx.get(f"{files}.pdf", timeout=30).content.startswith(b"%PDF-")
    assert "Wave 12.15 comes in." in httpx.get(f"{files}.md", timeout=30).text


def test_a_post_is_stored_with_its_embedding(world: World) -> None:
    calls, embeddings = world.peer.calls(), world.peer.embeddings()

    post = world.installation.submit_with(pipeline="blog-post", prompt="Why do tides differ?")

    status = world.installation.finished(post)
    assert status["status"] == "done", status
    assert step_of(status, "create_embedding")["state"] == "done"
    assert status["embedding_charges"]["settled"] >= 1
    world.assert_counted([status], world.peer.calls() - calls)
    assert world.peer.embeddings() > embeddings  # finished reports are embedded meanwhile


def test_a_text_is_checked_and_summarised_with_two_model_calls(world: World) -> None:
    before = world.peer.calls()

    text = world.installation.submit_with(pipeline="ai-processing", prompt="Why do tides differ?")

    status = world.installation.finished(text)
    assert status["status"] == "done", status
    world.assert_counted([status], world.peer.calls() - before, of_each=2)


def test_a_worker_killed_during_the_model_call_loses_no_report(world: World) -> None:
    world.connect_to(world.peer.endless)
    before = world.peer.calls()
    report = world.installation.submit("A worker dies while the model writes")
    world.draft(report)

    world.wire.connect_to(world.peer.quick)
    world.installation.kill(step_of(world.installation.status(report), "llm_call")["worker"])

    status = world.installation.finished(report)
    assert status["status"] == "done", status
    world.assert_counted([status], world.peer.calls() - before, of_each=2, killed=1)


def test_cancelling_a_report_stops_the_model_call(world: World) -> None:
    world.connect_to(world.peer.endless)
    calls, dropped = world.peer.calls(), world.peer.dropped()
    report = world.installation.submit("Nobody wants to read on")
    world.draft(report)

    assert world.post(report, "cancel") == 202

    status = world.installation.finished(report)
    assert status["status"] == "cancelled", status
    until("the peer to notice that nobody listens", lambda: world.peer.dropped() > dropped)
    world.assert_counted([status], world.peer.calls() - calls)


@dataclass(frozen=True)
class Ends:
    """The outcome of reports that share a slow set-up, and how many calls the peer received for them."""

    reports: list[Status]
    calls: int


@pytest.fixture(scope="session")
def outage(running: World) -> Ends:
    """A network outage of seconds: it began in the middle of the first report, and lasted when the second was submitted."""
    running.connect_to(running.peer.endless)
    before = running.peer.calls()
    amid = running.installation.submit("The network breaks while the model writes")
    running.draft(amid)
    running.wire.cut()
    during = running.installation.submit("The network is away when this is asked")
    for report in (amid, during):
        running.tries(report, "llm_call", 4)  # three failures of other kinds are the end

    running.wire.connect_to(running.peer.quick)
    running.wire.restore()
    for report in (amid, during):
        running.post(report, "retry")

    ends = [running.installation.finished(report) for report in (amid, during)]
    return Ends(ends, running.peer.calls() - before)


def test_a_network_outage_during_the_model_call_loses_no_report(outage: Ends) -> None:
    assert outage.reports[0]["status"] == "done", outage.reports[0]


def test_a_network_outage_at_the_start_of_a_report_loses_no_report(outage: Ends) -> None:
    assert outage.reports[1]["status"] == "done", outage.reports[1]
    assert step_of(outage.reports[1], "llm_call")["attempt"] >= 4


def test_a_network_outage_costs_only_the_call_that_it_broke(outage: Ends, running: World) -> None:
    amid, during = outage.reports

    running.assert_counted([during], outage.calls - 2)
    running.assert_counted([amid], outage.calls - 1, of_each=2)


@pytest.fixture(scope="session")
def patience(running: World) -> Ends:
    """Reports submitted at once to a peer that is silent at first and then slow."""
    running.connect_to(running.peer.quick)
    before = running.peer.calls()
    running.wire.hold_answers()
    with running.peer.frozen():
        reports = [running.installation.submit(f"Report {number} of many at once") for number in range(AT_ONCE)]
        for report in reports:
            running.tries(report, "llm_call", 1)
    until("every call to be taken", lambda: running.peer.calls() - before >= AT_ONCE)
    longer_than_silence()
    running.wire.slow_answers(0.5)
    running.wire.let_answers_pass()
    longer_than_silence()
    running.wire.restore()

    ends = [running.installation.finished(report) for report in reports]
    return Ends(ends, running.peer.calls() - before)


def longer_than_silence() -> None:
    """This test is about time: a peer that sends nothing, or little, for longer than a stream may be silent."""
    since = time.monotonic()
    until("longer than silence may last", lambda: time.monotonic() - since > SILENCE_SECONDS + 1)


@SOME_WORLDS
def test_more_reports_than_the_server_has_slots_all_finish(patience: Ends) -> None:
    assert [end["status"] for end in patience.reports] == ["done"] * AT_ONCE


@SOME_WORLDS
def test_a_late_first_byte_and_a_slow_stream_are_paid_once(patience: Ends, running: World) -> None:
    running.assert_counted(patience.reports, patience.calls)


def doctor(world: World, **environment: str) -> tuple[int, dict[str, Any]]:
    """Its exit code and its findings, in the environment of the installation."""
    environment_of_world = {
        **os.environ,
        **world.installation.environment,
        "DURABLE_RESEARCH_DATA": str(world.installation.data),
    }
    command = [sys.executable, "-m", "durable_research", "doctor", "--json"]
    done = subprocess.run(
        command, env={**environment_of_world, **environment}, capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr
    return done.returncode, {one["name"]: one for one in json.loads(done.stdout)["checks"]}


@SOME_WORLDS
def test_doctor_passes_on_a_healthy_server_without_a_charge(world: World) -> None:
    before = world.peer.calls()

    code, found = doctor(world)

    assert [one for one in found.values() if not one["ok"]] == []
    assert code == 0
    assert found["model"]["detail"].startswith(f"{world.peer.model} is offered")
    assert found["embeddings"]["detail"].startswith(f"{world.peer.embedding_model} is offered")
    assert world.peer.calls() == before


@SOME_WORLDS
def test_doctor_finds_a_wrong_model_name(world: World) -> None:
    _, found = doctor(world, OPENAI_MODEL=f"{world.peer.model}-misspelt")

    assert not found["model"]["ok"]
    assert world.peer.model in found["model"]["mend"].split("such as: ")[1]


@SOME_WORLDS
def test_doctor_names_an_unreachable_server(world: World) -> None:
    world.wire.cut()

    code, found = doctor(world)

    assert code == 1
    assert f"127.0.0.1:{world.wire.port}/v1 cannot be reached" in found["provider"]["detail"]
