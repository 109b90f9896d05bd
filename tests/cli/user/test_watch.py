import json
import re
import threading
from collections.abc import Callable

import pytest

from durable_research.cli.shared import events
from durable_research.domain.workflows.remedies import REMEDIES
from tests.cli.conftest import Command, Process
from tests.cli.stub_server import StubServer, an_id, event, event_log

EVENTS = f"/api/workflows/{an_id()}/events"


def test_into_a_pipe_watch_writes_one_json_event_per_line(installation: StubServer, command: Command) -> None:
    installation.add(1, drafts=[{"step": "llm_call", "attempt": 1, "text": "Tides are"}])

    result = command("watch", an_id())

    assert result.exit_code == 0
    assert [json.loads(line) for line in result.stdout.splitlines()] == event_log()


def test_without_an_id_watch_follows_the_latest_workflow(installation: StubServer, command: Command) -> None:
    installation.add(1)
    installation.add(2)

    result = command("watch")

    assert result.exit_code == 0
    assert result.stderr.startswith(f"taking the latest to watch: {an_id(2)} (tides)\n")


def test_without_any_workflow_watch_names_the_submit_command(command: Command) -> None:
    result = command("watch")

    assert (result.exit_code, result.stderr) == (
        2,
        'error: there is nothing to watch\n  ask for a report: durable-research submit "…"\n',
    )


def test_a_cut_stream_continues_after_its_last_event_without_repeats(
    installation: StubServer, command: Command
) -> None:
    installation.add(1, cuts=[2, 1, 0])

    result = command("watch", an_id())

    assert result.exit_code == 0
    assert [json.loads(line)["seq"] for line in result.stdout.splitlines()] == [1, 2, 3, 4, 5, 6, 7]
    assert [one.headers.get("Last-Event-ID") for one in installation.requests if one.path == EVENTS] == [
        None,
        "2",
        "3",
        "3",
    ]
    assert result.stderr.count("connection lost; the run goes on") == 2  # the third connection sent no event


def test_watch_reconnects_to_a_restarted_api(installation: StubServer, process: Callable[..., Process]) -> None:
    run = installation.add(1, events=event_log()[:2], held=True)
    running = process("watch", an_id())
    installation.wait_for(EVENTS)

    with installation.away():
        run.events, run.held = event_log(), False

    code, out, err = running.end()
    assert (code, [json.loads(line)["seq"] for line in out.splitlines()]) == (0, [1, 2, 3, 4, 5, 6, 7])
    assert err.splitlines()[:2] == ["connection lost; the run goes on; connecting again…", "connected again"]


def test_watch_retries_until_a_restarted_api_is_ready(installation: StubServer, command: Command) -> None:
    run = installation.add(1, events=event_log()[:2], held=True)

    def soon() -> None:
        installation.wait_for(EVENTS)
        installation.refuse(EVENTS, 503, "dependency_unavailable")
        run.held = False
        installation.wait_for(EVENTS, times=3)
        run.events = event_log()
        del installation.answers[EVENTS]

    threading.Thread(target=soon, daemon=True).start()

    assert command("watch", an_id()).exit_code == 0


def test_watch_gives_up_on_an_unreachable_api_with_exit_3(
    installation: StubServer, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_PATIENCE_SECONDS", 0.1)
    installation.add(1, events=event_log()[:2])

    result = command("watch", an_id())

    assert result.exit_code == 3
    assert f"durable-research watch {an_id()}" in result.stderr


@pytest.mark.parametrize("status", ["failed", "cancelled", "terminated"])
def test_a_workflow_that_ends_without_a_report_is_exit_1(
    installation: StubServer, command: Command, status: str
) -> None:
    installation.add(1, events=event_log(status))

    result = command("watch", an_id())

    assert result.exit_code == 1
    assert f"durable-research show {an_id()}" in result.stderr


def test_a_failed_workflow_is_shown_with_its_remedy(installation: StubServer, command: Command) -> None:
    error = {"code": "quota_exhausted", "detail": "used up"}
    installation.add(1, events=event_log("failed", error=error))

    assert f"what mends it: {REMEDIES['quota_exhausted'].words}" in command("watch", an_id()).stderr


def test_a_resent_call_is_shown_with_the_count_of_possible_charges(installation: StubServer, command: Command) -> None:
    again = event(5, "call_sent_again", "llm_call", 2, possible_extra=1)
    installation.add(1, events=[*event_log()[:4], again, *event_log()[5:]])

    words = command("submit", "why?", "--wait").stderr

    assert "llm_call, attempt 2: sends the call again: 1 earlier may have been charged" in words
    assert "nothing is paid again" not in words


def test_a_wait_for_the_provider_is_printed_at_its_start_each_minute_and_at_its_end(
    installation: StubServer, command: Command
) -> None:
    busy = {"error": {"code": "rate_limited", "detail": "busy"}, "wait_left_seconds": 3000.0, "retry_in_seconds": 25}
    looks = [
        one
        for number in range(1, 7)
        for one in (
            event(
                2 * number, "attempt_started", "llm_call", number, worker="w@1", at=f"2026-11-21T12:0{number // 2}:00Z"
            ),
            event(2 * number + 1, "attempt_failed", "llm_call", number, at=f"2026-11-21T12:0{number // 2}:20Z", **busy),
        )
    ]
    end = [
        event(14, "attempt_started", "llm_call", 7, worker="w@1"),
        event(15, "provider_answered", "llm_call", 7),
        event(16, "closed", status="done"),
    ]
    installation.add(1, events=[event(1, "accepted"), *looks, *end])

    words = [line.partition("  ")[2] for line in command("submit", "why?", "--wait").stderr.splitlines()]

    assert [re.sub(r"goes on until .*\)", "…", line) for line in words[:9]] == [
        "accepted",
        "llm_call, attempt 1: started on w@1",
        "llm_call, attempt 1: waits since 12:00 UTC, looked once, …",
        "llm_call, attempt 2: waits since 12:00 UTC, looked 2 times, …",
        "llm_call, attempt 4: waits since 12:00 UTC, looked 4 times, …",
        "llm_call, attempt 6: waits since 12:00 UTC, looked 6 times, …",
        "llm_call, attempt 7: started on w@1",
        "llm_call, attempt 7: the provider answers again",
        "the run is done",
    ]


def test_a_partly_done_report_is_exit_0(installation: StubServer, command: Command) -> None:
    installation.add(1, events=[*event_log("partly_done"), event(8, "stored_later", status="done")])

    assert command("watch", an_id()).exit_code == 0


def test_ctrl_c_is_exit_130_and_the_workflow_continues(
    installation: StubServer, process: Callable[..., Process]
) -> None:
    installation.add(1, events=event_log()[:2], held=True)
    running = process("watch", an_id())
    installation.wait_for(EVENTS)

    running.interrupt()

    code, _, err = running.end()
    assert code == 130
    assert "stopped watching; the run goes on" in err


def test_on_a_terminal_watch_draws_the_steps(installation: StubServer, process: Callable[..., Process]) -> None:
    installation.add(1, title="Tides \x1b]0;owned\x07[bold]of[/bold] Brittany")

    code, screen, _ = process("watch", an_id(), on_terminal=True).end()

    assert code == 0
    last_frame = screen[screen.rindex("Tides") :]
    assert "[bold]of[/bold] Brittany" in last_frame
    assert "✔ done" in last_frame
    assert "before: worker_lost: worker-1@1 went away" in last_frame
    assert "\x1b]0;" not in screen


def test_an_event_of_an_unknown_kind_is_printed_unchanged(installation: StubServer, command: Command) -> None:
    installation.add(1, events=[event(1, "budget_raised", usd=2), event(2, "closed", status="done")])

    result = command("watch", an_id())

    assert [json.loads(line)["kind"] for line in result.stdout.splitlines()] == ["budget_raised", "closed"]


def test_a_unicode_line_separator_in_a_text_does_not_end_the_output_line(
    installation: StubServer, command: Command
) -> None:
    accepted = event(1, "accepted", title="one\u2028two\u0085three")
    installation.add(1, events=[accepted, event(2, "closed", status="done")])

    result = command("watch", an_id())

    assert json.loads(result.stdout.split("\n")[0]) == accepted


def test_an_answer_that_is_no_event_stream_is_exit_3(installation: StubServer, command: Command) -> None:
    installation.add(1)
    installation.answers[EVENTS] = (200, {"hello": "world"}, {})

    assert command("watch", an_id()).exit_code == 3
