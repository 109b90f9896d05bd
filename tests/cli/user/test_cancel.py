import json
from collections.abc import Callable

from tests.cli.conftest import Command, Process
from tests.cli.stub_server import StubServer, an_id

CANCEL = f"/api/workflows/{an_id()}/cancel"


def test_yes_cancels_without_a_prompt(installation: StubServer, command: Command) -> None:
    installation.add(1, status="running")

    result = command("cancel", an_id(), "--yes")

    assert (result.exit_code, result.stdout) == (0, f"{an_id()} will be cancelled (now running)\n")
    assert installation.paths() == [CANCEL]


def test_cancelling_a_cancelled_workflow_is_no_error(installation: StubServer, command: Command) -> None:
    installation.add(1, status="cancelled")

    assert command("cancel", an_id(), "--yes").stdout == f"{an_id()} is cancelled\n"


def test_with_json_output_cancel_prints_the_apis_answer(installation: StubServer, command: Command) -> None:
    run = installation.add(1, status="running")

    stdout = command("cancel", an_id(), "--yes", "-o", "json").stdout

    assert json.loads(stdout) == run.row() | {"cancel_requested": True}


def test_without_a_terminal_cancel_needs_yes(installation: StubServer, command: Command) -> None:
    installation.add(1, status="running")

    result = command("cancel", an_id())

    assert (result.exit_code, installation.paths("POST")) == (2, [])
    assert "add --yes" in result.stderr


def test_on_a_terminal_cancel_explains_itself_and_a_no_changes_nothing(
    installation: StubServer, process: Callable[..., Process]
) -> None:
    installation.add(1, status="running")
    running = process("cancel", an_id(), on_terminal=True)

    question = running.read_until("Cancel it? [y/N]: ")
    running.type("n\n")

    assert "there will be no report" in question
    code, rest, _ = running.end()
    assert (code, installation.paths("POST")) == (5, [])
    assert "nothing was changed" in rest


def test_on_a_terminal_a_yes_cancels(installation: StubServer, process: Callable[..., Process]) -> None:
    installation.add(1, status="running")
    running = process("cancel", an_id(), on_terminal=True)

    running.read_until("Cancel it? [y/N]: ")
    running.type("y\n")

    assert (running.end()[0], installation.paths("POST")) == (0, [CANCEL])


def test_cancelling_an_ended_workflow_is_exit_5_with_the_show_command(
    installation: StubServer, command: Command
) -> None:
    installation.refuse(CANCEL, 409, "invalid_state", detail="the workflow is done and cannot be cancelled")

    result = command("cancel", an_id(), "--yes")

    assert (result.exit_code, result.stderr) == (
        5,
        f"error: the workflow is done and cannot be cancelled\n  look at it: durable-research show {an_id()}\n",
    )
