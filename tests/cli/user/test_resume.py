from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from durable_research.cli.shared.workflow_view import WorkflowView
from durable_research.domain.workflows.workflow import Kind
from tests.cli.conftest import Command, Process
from tests.cli.stub_server import STEPS, StubServer, an_id, event, event_log

RESUME = f"/api/workflows/{an_id()}/resume"
STATUS = f"/api/workflows/{an_id()}/status"
FREE = {"may_charge_again": False, "words": "what was paid for is not paid again", "has_text": True}
COSTLY = {"may_charge_again": True, "words": "the model may be charged again, 2 so far", "has_text": False}


def failed(installation: StubServer, offer: dict[str, Any] | None = FREE, replayed: bool = False) -> None:
    text_url = f"/api/workflows/{an_id()}/texts/text" if offer and offer["has_text"] else None
    installation.add(1, status="failed", more={"resume": offer, "text_url": text_url})
    headers = {"Idempotency-Replayed": "true"} if replayed else {}
    installation.answers[RESUME] = (202, {"workflow_id": an_id(), "status": "queued", "resumption": 1}, headers)


def sent(installation: StubServer) -> Any:
    return next(one.body for one in installation.requests if one.path == RESUME)


def test_resume_continues_a_failed_report(installation: StubServer, command: Command) -> None:
    failed(installation)

    result = command("resume", an_id())

    assert (result.exit_code, result.stdout, sent(installation)) == (0, f"{an_id()} goes on\n", {})


def test_without_an_id_resume_takes_the_latest_failed_or_terminated_report(
    installation: StubServer, command: Command
) -> None:
    failed(installation)

    result = command("resume")

    assert (result.exit_code, f"taking the latest to resume: {an_id()}" in result.stderr) == (0, True)
    assert installation.paths()[0].startswith("/api/workflows?status=failed&status=terminated&kind=report")


def test_without_a_failed_report_resume_is_exit_2(command: Command) -> None:
    result = command("resume")

    assert (result.exit_code, "there is nothing to resume" in result.stderr) == (2, True)


def test_a_corrected_text_resumes_without_a_prompt(installation: StubServer, command: Command, tmp_path: Path) -> None:
    failed(installation, COSTLY)
    file = tmp_path / "mine.md"
    file.write_text("# Mine\n")

    result = command("resume", an_id(), "--text", str(file))

    assert (result.stdout, sent(installation)) == (f"{an_id()} goes on with your text\n", {"text": "# Mine\n"})
    assert installation.paths() == [RESUME]


def test_resuming_a_report_that_was_resumed_already_is_no_error(installation: StubServer, command: Command) -> None:
    failed(installation, replayed=True)

    assert command("resume", an_id()).stdout == f"{an_id()} had been resumed already\n"


def test_without_a_terminal_a_possible_charge_needs_yes(installation: StubServer, command: Command) -> None:
    failed(installation, COSTLY)

    result = command("resume", an_id())

    assert (result.exit_code, installation.paths("POST")) == (2, [])
    assert "the model may be charged again, 2 so far" in result.stderr
    assert "add --yes" in result.stderr


def test_yes_accepts_a_possible_charge(installation: StubServer, command: Command) -> None:
    failed(installation, COSTLY)

    assert command("resume", an_id(), "--yes").exit_code == 0
    assert sent(installation) == {"accept_charge": True}


@pytest.mark.parametrize(("answer", "code", "posted"), [("\n", 5, []), ("y\n", 0, [RESUME])], ids=["no", "yes"])
def test_on_a_terminal_the_prompt_names_the_price_and_defaults_to_no(
    installation: StubServer, process: Callable[..., Process], answer: str, code: int, posted: list[str]
) -> None:
    failed(installation, COSTLY)
    running = process("resume", an_id(), on_terminal=True)

    question = running.read_until("Resume it all the same? [y/N]: ")
    running.type(answer)

    assert "the model may be charged again, 2 so far" in question
    assert (running.end()[0], installation.paths("POST")) == (code, posted)


def test_resuming_a_finished_workflow_is_exit_5_with_the_apis_detail(
    installation: StubServer, command: Command
) -> None:
    installation.add(1)
    installation.refuse(RESUME, 409, "invalid_state", detail="the workflow is done")

    result = command("resume", an_id())

    assert (result.exit_code, "the workflow is done" in result.stderr) == (5, True)


def test_a_refused_text_is_exit_2_with_the_field(installation: StubServer, command: Command, tmp_path: Path) -> None:
    errors = [{"pointer": "/text", "code": "blank", "detail": "must contain something to read"}]
    installation.refuse(RESUME, 422, "invalid_input", errors=errors)
    file = tmp_path / "mine.md"
    file.write_text(" ")

    result = command("resume", an_id(), "--text", str(file))

    assert (result.exit_code, "text: must contain something to read" in result.stderr) == (2, True)


def resumed_event_log() -> list[dict[str, Any]]:
    error = {"code": "document_error", "detail": "line 3"}
    return [
        *event_log("failed", error=error),
        event(8, "resumed", resumption=1),
        event(9, "attempt_started", "create_pdf", 2, worker="worker-1@1"),
        event(10, "attempt_completed", "create_pdf", 2),
        event(11, "closed", status="done", resumption=1),
    ]


def test_a_resumed_run_has_not_ended() -> None:
    run = WorkflowView(an_id(), "tides", "running", STEPS)

    statuses = []
    for one in resumed_event_log():
        run.add(one["kind"], one)
        statuses.append(run.status)

    assert statuses[6:] == ["failed", "queued", "running", "running", "done"]
    assert run.error == {}


def test_wait_follows_a_resumed_report_past_its_first_end(installation: StubServer, command: Command) -> None:
    failed(installation)
    installation.runs[an_id()].events = resumed_event_log()

    result = command("resume", an_id(), "--wait")

    assert result.exit_code == 0
    assert "resumed: it goes on from the step that failed" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("the run is done")


def test_a_connection_lost_after_the_first_end_is_reopened(installation: StubServer, command: Command) -> None:
    failed(installation)
    installation.runs[an_id()].events, installation.runs[an_id()].cuts = resumed_event_log(), [8]

    result = command("watch", an_id())

    assert result.exit_code == 0
    assert [line.count('"closed"') for line in result.stdout.splitlines()].count(1) == 2


def test_a_resumed_report_that_fails_again_shows_its_last_error(installation: StubServer, command: Command) -> None:
    failed(installation)
    again = event(11, "closed", status="failed", resumption=1, error={"code": "renderer_crashed", "detail": "it died"})
    installation.runs[an_id()].events = [*resumed_event_log()[:-1], again]

    result = command("resume", an_id(), "--wait")

    assert result.exit_code == 1
    assert "renderer_crashed: it died" in result.stderr
    assert f"go on with it: durable-research resume {an_id()} (what was paid for is not paid again)" in result.stderr


def test_show_names_the_commands_to_resume_and_to_open_the_text(installation: StubServer, command: Command) -> None:
    failed(installation)

    lines = command("show", an_id()).stdout.splitlines()

    assert f"resume    durable-research resume {an_id()} (what was paid for is not paid again)" in lines
    assert f"text      durable-research open {an_id()} --md FILE" in lines


def test_open_writes_the_paid_text_of_a_failed_report_and_says_so(
    installation: StubServer, command: Command, tmp_path: Path
) -> None:
    failed(installation)
    installation.files = b"# Paid for"
    file = tmp_path / "text.md"

    result = command("open", an_id(), "--md", str(file))

    assert (result.exit_code, file.read_bytes()) == (0, b"# Paid for")
    assert installation.paths()[-1] == f"/api/workflows/{an_id()}/texts/text"
    assert "is failed; this is its text" in result.stderr


def test_resuming_an_undone_post_is_refused_with_what_to_do(installation: StubServer, command: Command) -> None:
    post = an_id(2, Kind.POST)
    installation.refuse(
        f"/api/workflows/{post}/resume", 409, "invalid_state", detail="run it again, which is paid anew"
    )

    result = command("resume", post, "--yes")

    assert (result.exit_code, "paid anew" in result.stderr) == (5, True)
