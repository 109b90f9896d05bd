from tests.cli.conftest import Command
from tests.cli.stub_server import StubServer, an_id

RETRY = f"/api/workflows/{an_id()}/retry"


def test_retry_names_the_steps_that_are_tried_now(installation: StubServer, command: Command) -> None:
    installation.answers[RETRY] = (202, {"workflow_id": an_id(), "steps": ["llm_call"]}, {})

    result = command("retry", an_id())

    assert (result.exit_code, result.stdout) == (0, f"{an_id()} tries now: llm_call\n")


def test_retry_without_a_waiting_step_is_exit_5(installation: StubServer, command: Command) -> None:
    installation.refuse(RETRY, 409, "invalid_state")

    assert command("retry", an_id()).exit_code == 5
