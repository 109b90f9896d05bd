from tests.cli.conftest import Command
from tests.cli.stub_server import StubServer, an_id

RETRY = f"/api/workflows/{an_id()}/retry"


def test_what_is_tried_now_is_named(installation: StubServer, command: Command) -> None:
    installation.answers[RETRY] = (202, {"workflow_id": an_id(), "steps": ["llm_call"]}, {})

    result = command("retry", an_id())

    assert (result.exit_code, result.stdout) == (0, f"{an_id()} tries now: llm_call\n")


def test_nothing_that_waits_is_a_refusal(installation: StubServer, command: Command) -> None:
    installation.refuse(RETRY, 409, "invalid_state")

    assert command("retry", an_id()).exit_code == 5
