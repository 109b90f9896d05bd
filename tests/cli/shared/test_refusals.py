"""A refusal or no answer by the installation: the cause, the next command, and the exit code."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from durable_research.cli.main import cli
from tests.cli.conftest import Command
from tests.cli.stub_server import StubServer, an_id

USER_VERBS = (
    ("submit", "x"),
    ("watch",),
    ("list",),
    ("show", an_id()),
    ("open", an_id()),
    ("cancel", an_id(), "--yes"),
)


@pytest.mark.parametrize("arguments", USER_VERBS)
def test_an_unreachable_api_is_exit_3_with_the_command_that_starts_it(
    installation: StubServer, command: Command, arguments: tuple[str, ...]
) -> None:
    installation.stop()

    result = command(*arguments)

    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.endswith(f"error: no answer from {installation.url}\n  start it with: durable-research up\n")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, 2),
        (404, 2),
        (413, 2),
        (415, 2),
        (422, 2),
        (401, 5),
        (403, 5),
        (409, 5),
        (429, 5),
        (503, 3),
        (500, 1),
        (504, 3),
    ],
)
def test_every_http_status_has_its_exit_code(
    installation: StubServer, command: Command, status: int, code: int
) -> None:
    installation.refuse("/api/workflows", status, "some_code", detail="the cause")

    result = command("list")

    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith("error: the cause\n  ")


def test_each_invalid_field_is_named(installation: StubServer, command: Command) -> None:
    errors = [
        {"pointer": "/language", "code": "pattern", "detail": "is no language"},
        {"pointer": "", "detail": "\x1b[2J"},
    ]
    installation.refuse("/api/workflows/generate-report", 422, "invalid_input", errors=errors)

    result = command("submit", "x", "--language", "klingon")

    assert result.exit_code == 2
    assert result.stderr.splitlines()[0] == "error: language: is no language; request: \N{REPLACEMENT CHARACTER}[2J"


def test_a_429_shows_when_to_try_again(installation: StubServer, command: Command) -> None:
    installation.refuse("/api/workflows", 429, "rate_limited", headers={"Retry-After": "7"})

    assert command("list").stderr == "error: words\n  try again in 7 s\n"


def test_a_500_shows_the_request_id(installation: StubServer, command: Command) -> None:
    installation.refuse("/api/workflows", 500, "internal_error")

    assert "request id r-1" in command("list").stderr


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>hi</html>"), (404, b"nope"), (502, b"bad gateway"), (302, b"")]
)
def test_an_answer_of_another_program_is_recognised(
    installation: StubServer, command: Command, status: int, body: bytes
) -> None:
    installation.answers["/api/workflows"] = (status, body, {"Content-Type": "text/html"})

    result = command("list")

    assert result.exit_code == 3
    assert "is not Durable AI Research" in result.stderr


@pytest.mark.parametrize("id", ["../../health", "report-1", "", an_id().upper(), "\x1b[2J"])
def test_a_malformed_id_is_refused_before_any_request(installation: StubServer, command: Command, id: str) -> None:
    result = command("show", id)

    assert (result.exit_code, installation.requests) == (2, [])
    assert "\x1b" not in result.stderr


@pytest.mark.parametrize(
    "server", ["127.0.0.1:8000", "ftp://x", "http://", "http://u:p@x", "http://x:99999", "http://x?y=1"]
)
def test_a_malformed_server_address_is_exit_2(server: str) -> None:
    assert CliRunner().invoke(cli, ["list", "--server", server]).exit_code == 2


def test_an_unreachable_remote_api_gets_no_start_command() -> None:
    result = CliRunner().invoke(cli, ["list", "--server", "http://durable.invalid:1"])

    assert (result.exit_code, result.stderr) == (
        3,
        "error: no answer from http://durable.invalid:1\n  check --server and DURABLE_RESEARCH_SERVER\n",
    )


def test_the_api_of_the_data_folders_up_json_is_the_default_server(installation: StubServer, elsewhere: Path) -> None:
    (elsewhere / "data").mkdir()
    (elsewhere / "data" / "up.json").write_text(json.dumps({"api": installation.url}))

    assert CliRunner().invoke(cli, ["list"]).exit_code == 0


def test_an_unreachable_api_named_by_up_json_suggests_doctor(installation: StubServer, elsewhere: Path) -> None:
    (elsewhere / "data").mkdir()
    (elsewhere / "data" / "up.json").write_text(json.dumps({"api": installation.url}))
    installation.stop()

    result = CliRunner().invoke(cli, ["list"])

    assert result.exit_code == 3
    assert "try again in a moment, or see: durable-research doctor" in result.stderr


def test_the_data_folder_can_be_set_by_an_environment_variable(installation: StubServer, elsewhere: Path) -> None:
    (elsewhere / "up.json").write_text(json.dumps({"api": installation.url}))

    assert CliRunner(env={"DURABLE_RESEARCH_DATA": str(elsewhere)}).invoke(cli, ["list"]).exit_code == 0


def test_a_damaged_up_json_is_ignored(elsewhere: Path) -> None:
    from durable_research.cli.shared.installation import DEFAULT_SERVER, default_server

    (elsewhere / "data").mkdir()
    (elsewhere / "data" / "up.json").write_text("{")

    assert default_server() == DEFAULT_SERVER


def test_the_server_option_takes_precedence_over_the_environment(installation: StubServer) -> None:
    environment = {"DURABLE_RESEARCH_SERVER": "http://durable.invalid:1"}

    assert CliRunner(env=environment).invoke(cli, ["list", "--server", f"{installation.url}/"]).exit_code == 0


def test_a_proxy_of_the_environment_is_not_used_for_loopback(installation: StubServer, command: Command,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)

    assert command("list").exit_code == 0
