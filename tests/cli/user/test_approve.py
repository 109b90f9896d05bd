from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command
from tests.cli.stub_server import StubServer, an_id

APPROVE = f"/api/workflows/{an_id()}/approve"
ASKS = {"step": "approval", "decisions": ["approve", "edit", "refuse"], "draft_sha256": "d" * 64}


def waiting(installation: StubServer, outcome: str | None) -> None:
    installation.add(status="waiting_for_you", more={"asks": ASKS})
    installation.answers[APPROVE] = (202, {"workflow_id": an_id(), "outcome": outcome}, {})


def sent(installation: StubServer) -> Any:
    return next(one.body for one in installation.requests if one.path == APPROVE)


def test_a_waiting_draft_is_approved_by_its_hash(installation: StubServer, command: Command) -> None:
    waiting(installation, "approve")

    result = command("approve", an_id())

    assert (result.exit_code, result.stdout) == (0, f"{an_id()} is approved and goes on\n")
    assert sent(installation) == {"decision": "approve", "draft_sha256": "d" * 64}


def test_a_waiting_draft_can_be_refused(installation: StubServer, command: Command) -> None:
    waiting(installation, "refuse")

    assert command("approve", an_id(), "--refuse", "--yes").exit_code == 0
    assert sent(installation)["decision"] == "refuse"


def test_an_edited_file_replaces_the_draft(installation: StubServer, command: Command, tmp_path: Path) -> None:
    waiting(installation, None)
    file = tmp_path / "mine.md"
    file.write_text("# Mine\n")

    result = command("approve", an_id(), "--edit", str(file))

    assert "as soon as a worker runs" in result.stdout
    assert sent(installation) == {"decision": "edit", "draft_sha256": "d" * 64, "text": "# Mine\n"}


def test_a_report_that_does_not_wait_is_not_approved(installation: StubServer, command: Command) -> None:
    installation.add()

    assert command("approve", an_id()).exit_code == 5
    assert APPROVE not in installation.paths()


def test_a_file_that_is_not_utf_8_is_refused_by_the_command(
    installation: StubServer, command: Command, tmp_path: Path
) -> None:
    file = tmp_path / "mine.md"
    file.write_bytes(b"# M\xff\n")

    assert command("approve", an_id(), "--edit", str(file)).exit_code == 2
    assert installation.paths() == []


@pytest.mark.parametrize(
    "verb", [("approve",), ("decide", "give-up"), ("retry",), ("cancel", "--yes"), ("open",), ("watch",)]
)
def test_a_malformed_id_is_refused_before_any_request(
    installation: StubServer, command: Command, verb: tuple[str, ...]
) -> None:
    assert command(verb[0], "../reports", *verb[1:]).exit_code == 2
    assert installation.paths() == []


@pytest.mark.parametrize("wrong", [("--edit", "/no/such/file"), ("--edit", "/dev/null", "--refuse")], ids=str)
def test_unusable_options_are_refused_by_the_command(
    installation: StubServer, command: Command, wrong: tuple[str, ...]
) -> None:
    assert command("approve", an_id(), *wrong).exit_code == 2
    assert installation.paths() == []
