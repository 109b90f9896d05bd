import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Command, Process
from tests.cli.stub_server import StubServer, an_id, event_log

START = "/api/workflows/generate-report"


def test_submit_prints_the_id_and_the_address(installation: StubServer, command: Command) -> None:
    result = command("submit", "why tides?")

    assert (result.exit_code, result.stdout) == (0, f"{an_id()}\n{installation.url}/reports/{an_id()}\n")
    assert installation.requests[0].body == {"prompt": "why tides?"}


def test_submit_sends_only_the_fields_that_were_set(installation: StubServer, command: Command) -> None:
    command(
        "submit",
        "why?",
        "--title",
        "潮汐",
        "--language",
        "pt-BR",
        "--user",
        "Ana",
        "--notify",
        "log",
        "--notify",
        "webhook",
    )

    assert installation.requests[0].body == {
        "prompt": "why?", "title": "潮汐", "language": "pt-BR", "user": "Ana", "notify": ["log", "webhook"],
    }  # fmt: skip


def test_submit_sends_another_pipelines_own_fields(installation: StubServer, command: Command) -> None:
    rules = '{"min_characters": 500}'
    command("submit", "why?", "--pipeline", "ai-processing", "--set", f"rules={rules}", "--set", "user=null")

    (request,) = installation.requests
    assert request.path == "/api/workflows/ai-processing"
    assert request.body == {"prompt": "why?", "rules": {"min_characters": 500}, "user": None}


@pytest.mark.parametrize("field", ["slack", "slack=", "slack=no", "=true"])
def test_a_field_that_is_not_json_is_refused_before_anything_is_sent(
    installation: StubServer, command: Command, field: str
) -> None:
    assert command("submit", "why?", "--pipeline", "blog-post", "--set", field).exit_code == 2
    assert installation.requests == []


@pytest.mark.parametrize("name", ["../cancel", "Blog", ""])
def test_a_pipeline_name_is_escaped_in_the_address(installation: StubServer, command: Command, name: str) -> None:
    assert command("submit", "why?", "--pipeline", name).exit_code == 2
    assert installation.requests == []


def test_an_unknown_pipeline_is_exit_2_with_the_known_ones(installation: StubServer, command: Command) -> None:
    detail = "there is no pipeline 'frobnicate'; there are generate-report, blog-post"
    installation.refuse("/api/workflows/frobnicate", 404, "unknown_pipeline", detail=detail)

    result = command("submit", "why?", "--pipeline", "frobnicate")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"error: {detail}\n  name one of them: durable-research submit … --pipeline NAME\n"


def test_out_is_refused_for_pipelines_without_a_pdf(installation: StubServer, command: Command) -> None:
    assert command("submit", "why?", "--pipeline", "blog-post", "--out", "post.pdf").exit_code == 2
    assert installation.requests == []


def test_submit_sends_approval_and_start_time(installation: StubServer, command: Command) -> None:
    command("submit", "why?", "--approval", "before_pdf", "--start-after", "2026-11-22T09:00:00+01:00")

    assert installation.requests[0].body == {
        "prompt": "why?", "approval": "before_pdf", "start_after": "2026-11-22T09:00:00+01:00",
    }  # fmt: skip


def test_submit_sends_every_notification_channel_and_an_address(installation: StubServer, command: Command) -> None:
    channels = ["log", "webhook", "email", "slack", "https://example.org/hook"]

    command("submit", "why?", *(word for channel in channels for word in ("--notify", channel)))

    assert installation.requests[0].body == {"prompt": "why?", "notify": channels}


def test_a_channel_that_does_not_exist_is_refused_before_anything_is_sent(
    installation: StubServer, command: Command
) -> None:
    assert command("submit", "why?", "--notify", "fax").exit_code == 2
    assert installation.requests == []


def test_the_question_can_be_read_from_stdin(installation: StubServer, command: Command) -> None:
    command("submit", "-", stdin="first line\nsecond — line\n".encode())

    assert installation.requests[0].body == {"prompt": "first line\nsecond — line\n"}


def test_the_question_can_be_read_from_a_file(installation: StubServer, command: Command, elsewhere: Path) -> None:
    (elsewhere / "question.txt").write_text("\ufeffwhy?", encoding="utf-8")

    command("submit", "@question.txt")

    assert installation.requests[0].body == {"prompt": "why?"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("submit", "@missing.txt"),
        ("submit", "\udcff"),
        ("submit", "x", "--title", "\udcff"),
        ("submit", "x", "--start-after", "\udcff"),
        ("submit", "x", "--approval", "before_breakfast"),
        ("submit", "x", "--approval", ""),
        ("schedule", "add", "\udcff", "--every", "1d"),
        ("schedule", "add", "x", "--every", "\udcff"),
        ("schedule", "add", "x", "--every", "1d", "--timezone", "\udcff"),
        ("schedule", "add", "x"),
    ],
)
def test_unreadable_input_is_exit_2_and_nothing_is_sent(
    installation: StubServer, command: Command, arguments: tuple[str, ...]
) -> None:
    result = command(*arguments)

    assert (result.exit_code, installation.requests) == (2, [])


def test_stdin_that_is_not_utf_8_is_exit_2(installation: StubServer, command: Command) -> None:
    assert (command("submit", "-", stdin=b"\xff\xfe").exit_code, installation.requests) == (2, [])


def test_every_submit_has_its_own_idempotency_key(installation: StubServer, command: Command) -> None:
    command("submit", "why?")
    command("submit", "why?")

    assert len(installation.accepted) == 2


def test_a_lost_answer_is_requested_again_with_the_same_key_for_one_report(
    installation: StubServer, command: Command
) -> None:
    installation.answers_to_lose = 1

    result = command("submit", "why?")

    assert (result.exit_code, result.stdout.split()[0]) == (0, an_id())
    assert (installation.paths("POST"), len(installation.accepted)) == ([START, START], 1)
    assert "asking again with the same Idempotency-Key" in result.stderr


def test_without_any_answer_the_key_for_a_repeat_is_named(
    installation: StubServer, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("durable_research.cli.shared.client._RETRY_AFTER_SECONDS", (0.0, 0.0))
    installation.answers_to_lose = 3

    result = command("submit", "why?", "--key", "my-key")

    assert result.exit_code == 3
    assert "--key my-key" in result.stderr


def test_a_key_accepted_before_returns_the_same_report_and_says_so(installation: StubServer, command: Command) -> None:
    first = command("submit", "why?", "--key", "k")

    second = command("submit", "why?", "--key", "k")

    assert second.stdout == first.stdout
    assert "had been accepted before" in second.stderr


@pytest.mark.parametrize("key", ["", "with blank", "é", "x" * 256, "line\nend"])
def test_a_key_that_no_header_can_carry_is_exit_2(installation: StubServer, command: Command, key: str) -> None:
    assert (command("submit", "why?", "--key", key).exit_code, installation.requests) == (2, [])


def test_wait_prints_steps_to_stderr_and_the_reports_address_to_stdout(
    installation: StubServer, command: Command
) -> None:
    result = command("submit", "why?", "--wait")

    report = f"{installation.url}/api/reports/{an_id()}.pdf"
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, report)
    words = [line.partition("  ")[2] for line in result.stderr.splitlines()[:7]]
    assert words == [
        "accepted",
        "llm_call, attempt 1: started on worker-1@1",
        "llm_call, attempt 1: lost, worker-1@1 went away",
        "llm_call, attempt 2: started on worker-2@1",
        "llm_call, attempt 2: took up the call that was already sent; nothing is paid again",
        "llm_call, attempt 2: done",
        "the run is done",
    ]


def test_out_waits_and_writes_the_pdf(installation: StubServer, command: Command, elsewhere: Path) -> None:
    result = command("submit", "why?", "--out", "r.pdf")

    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "r.pdf")
    assert [path.name for path in elsewhere.iterdir()] == ["r.pdf"]
    assert (elsewhere / "r.pdf").read_bytes() == installation.files


def test_an_unwritable_output_file_is_exit_2_before_anything_is_sent(
    installation: StubServer, command: Command
) -> None:
    assert (command("submit", "why?", "--out", "no/such/folder/r.pdf").exit_code, installation.requests) == (2, [])


@pytest.mark.parametrize(
    ("status", "words"),
    [("failed", "has failed"), ("cancelled", "is cancelled"), ("terminated", "was ended from outside")],
)
def test_wait_is_exit_1_when_the_workflow_ends_without_a_report(
    installation: StubServer, command: Command, status: str, words: str
) -> None:
    installation.add(1, events=event_log(status, error={"code": "model_refused", "detail": "no"}))

    result = command("submit", "why?", "--wait")

    assert result.exit_code == 1
    assert f"the run {words}: model_refused: no" in result.stderr


def test_a_partly_done_report_is_exit_1_and_leaves_no_pdf(
    installation: StubServer, command: Command, elsewhere: Path
) -> None:
    installation.add(1, events=event_log("partly_done"))

    result = command("submit", "why?", "--out", "r.pdf")

    assert (result.exit_code, list(elsewhere.iterdir())) == (1, [])
    assert f"durable-research open {an_id()} --pdf FILE" in result.stderr


def test_a_timeout_of_wait_is_exit_4_and_the_workflow_continues(installation: StubServer, command: Command) -> None:
    installation.add(1, events=event_log()[:2], held=True)

    result = command("submit", "why?", "--wait", "--timeout", "0.3")

    assert (result.exit_code, result.stdout.split()[0]) == (4, an_id())
    assert f"the run goes on; watch it again with: durable-research watch {an_id()}" in result.stderr


def test_a_timeout_without_wait_is_refused(command: Command) -> None:
    assert command("submit", "why?", "--timeout", "3").exit_code == 2


def test_with_json_output_wait_prints_one_object_with_the_outcome(installation: StubServer, command: Command) -> None:
    result = command("submit", "why?", "--wait", "-o", "json")

    assert json.loads(result.stdout) == {
        "workflow_id": an_id(),
        "status": "done",
        "url": f"{installation.url}/reports/{an_id()}",
        "report": f"{installation.url}/api/reports/{an_id()}.pdf",
    }


def test_ctrl_c_while_waiting_is_exit_130_and_detaches(
    installation: StubServer, process: Callable[..., Process]
) -> None:
    installation.add(1, events=event_log()[:2], held=True)
    running = process("submit", "why?", "--wait")
    installation.wait_for(f"/api/workflows/{an_id()}/events")

    running.interrupt()

    code, out, err = running.end()
    assert (code, out.split()[0]) == (130, an_id())
    assert f"the run goes on; watch it again with: durable-research watch {an_id()}" in err
