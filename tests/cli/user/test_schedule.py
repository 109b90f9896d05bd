import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from durable_research.cli.main import cli
from tests.cli.conftest import Command
from tests.cli.stub_server import StubServer

ID = "recurring-" + "0a" * 16
PATH = "/api/schedules"


def a_schedule(**more: Any) -> dict[str, Any]:
    return {"schedule_id": ID, "title": "tides", "every": "0 9 * * *", "timezone": "Europe/Berlin", "paused": False,
            "failed": False, "created_at": "2026-11-21T12:00:00+00:00", "next_at": "2026-11-22T08:00:00+00:00",
            "last_at": None} | more  # fmt: skip


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine's clock shows a time that no schedule means."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


def test_add_sends_question_and_rhythm_and_prints_the_schedule_id(installation: StubServer, command: Command) -> None:
    installation.answers[PATH] = (201, a_schedule(), {})

    result = command("schedule", "add", "tides?", "--every", "0 9 * * *", "--timezone", "Europe/Berlin", "--key", "k")

    assert (result.exit_code, result.stdout) == (0, f"{ID}\n")
    assert "first report: 2026-11-22T08:00:00+00:00" in result.stderr
    (request,) = installation.requests
    assert request.body == {"prompt": "tides?", "every": "0 9 * * *", "timezone": "Europe/Berlin"}
    assert request.headers["Idempotency-Key"] == "k"


def test_add_reads_the_question_from_stdin(installation: StubServer, command: Command) -> None:
    installation.answers[PATH] = (201, a_schedule(), {})

    command("schedule", "add", "-", "--every", "1d", stdin="from stdin")

    assert installation.requests[0].body == {"prompt": "from stdin", "every": "1d"}


def test_a_repeated_key_is_reported_as_accepted_before(installation: StubServer, command: Command) -> None:
    installation.answers[PATH] = (201, a_schedule(), {"Idempotency-Replayed": "true"})

    assert "accepted before" in command("schedule", "add", "tides?", "--every", "1d").stderr


def test_a_wrong_rhythm_is_shown_with_the_apis_detail(installation: StubServer, command: Command) -> None:
    fields = [{"pointer": "/every", "code": "too_often", "detail": "must be at least a minute"}]
    installation.refuse(PATH, 422, "invalid_input", errors=fields)

    result = command("schedule", "add", "tides?", "--every", "1s")

    assert result.exit_code == 2
    assert "every: must be at least a minute" in result.stderr


def test_too_many_schedules_is_exit_5_and_names_the_delete_command(installation: StubServer, command: Command) -> None:
    installation.refuse(PATH, 409, "too_many_schedules")

    result = command("schedule", "add", "tides?", "--every", "1d")

    assert result.exit_code == 5
    assert "durable-research schedule delete ID" in result.stderr


def test_list_shows_each_schedule_with_its_rhythm_and_state(installation: StubServer, command: Command) -> None:
    rows = [a_schedule(), a_schedule(paused=True, next_at=None), a_schedule(paused=True, failed=True, next_at=None)]
    installation.answers[PATH] = (200, {"schedules": rows}, {})

    result = command("schedule", "list")

    head, *lines = result.stdout.splitlines()
    assert head.split() == ["ID", "TITLE", "EVERY", "ZONE", "NEXT"]
    assert all(ID in line and "every day at 09:00" in line and "Europe/Berlin" in line for line in lines)
    assert ["2026-11-2" in lines[0], "‖ paused" in lines[1], "‖ failed" in lines[2]] == [True] * 3


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("Europe/Berlin", "2026-11-22 09:00 CET"),
        ("UTC", "2026-11-22 08:00 UTC"),
        ("America/Sao_Paulo", "2026-11-22 05:00 -03"),
        ("Mars/Olympus", "2026-11-22 08:00 UTC"),
        ("?", "2026-11-22 08:00 UTC"),
        ("../../etc", "2026-11-22 08:00 UTC"),
        ("Europe", "2026-11-22 08:00 UTC"),
    ],
)
@pytest.mark.usefixtures("in_tokyo")
def test_list_shows_each_next_time_in_the_schedules_time_zone(
    installation: StubServer, command: Command, zone: str, shown: str
) -> None:
    installation.answers[PATH] = (200, {"schedules": [a_schedule(timezone=zone)]}, {})

    assert command("schedule", "list").stdout.splitlines()[1].endswith(f"  {shown}")


def test_list_in_json_is_the_apis_answer(installation: StubServer, command: Command) -> None:
    installation.answers[PATH] = (200, {"schedules": [a_schedule()]}, {})

    assert json.loads(command("schedule", "list", "-o", "json").stdout) == {"schedules": [a_schedule()]}


def test_an_empty_list_names_the_add_command(installation: StubServer, command: Command) -> None:
    installation.answers[PATH] = (200, {"schedules": []}, {})

    result = command("schedule", "list")

    assert result.stdout == ""
    assert "durable-research schedule add" in result.stderr


def test_control_characters_in_a_title_are_replaced(installation: StubServer, command: Command) -> None:
    installation.answers[PATH] = (200, {"schedules": [a_schedule(title="a\x1b[2Jb")]}, {})

    assert "\x1b" not in command("schedule", "list").stdout


@pytest.mark.parametrize(("verb", "words"), [("pause", "is paused"), ("resume", "goes on; next: 2026-11-22T08:00")])
def test_pause_and_resume_print_the_new_state(
    installation: StubServer, command: Command, verb: str, words: str
) -> None:
    installation.answers[f"{PATH}/{ID}/{verb}"] = (200, a_schedule(), {})

    result = command("schedule", verb, ID)

    assert (result.exit_code, result.stdout.startswith(f"{ID} {words}")) == (0, True)


def test_delete_removes_the_schedule(installation: StubServer, command: Command) -> None:
    installation.answers[f"{PATH}/{ID}"] = (204, b"", {})

    result = command("schedule", "delete", ID, "--yes")

    assert (result.exit_code, result.stdout) == (0, f"{ID} is deleted\n")
    assert [(one.method, one.path) for one in installation.requests] == [("DELETE", f"{PATH}/{ID}")]


def test_an_unknown_schedule_is_exit_2_and_names_the_list_command(installation: StubServer, command: Command) -> None:
    result = command("schedule", "delete", ID, "--yes")

    assert result.exit_code == 2
    assert f"there is no {ID}" in result.stderr
    assert "durable-research schedule list" in result.stderr


@pytest.mark.parametrize("verb", ["pause", "resume", "delete"])
def test_a_malformed_schedule_id_is_refused_before_any_request(
    installation: StubServer, command: Command, verb: str
) -> None:
    result = command("schedule", verb, "../reports")

    assert (result.exit_code, installation.requests) == (2, [])


@pytest.mark.parametrize(
    ("verb", "call"),
    [
        ("add", "POST /api/schedules"),
        ("list", "GET /api/schedules"),
        ("pause", "POST /api/schedules/ID/pause"),
        ("resume", "POST /api/schedules/ID/resume"),
        ("delete", "DELETE /api/schedules/ID"),
    ],
)
def test_the_help_of_schedule_names_its_rest_calls(verb: str, call: str) -> None:
    assert f"REST: {call}" in " ".join(CliRunner().invoke(cli, ["schedule", verb, "--help"]).stdout.split())
