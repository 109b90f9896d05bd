from durable_research.domain.workflows.workflow import Decision
from tests.cli.conftest import Command
from tests.cli.stub_server import StubServer, an_id

DECIDE = f"/api/workflows/{an_id()}/decide"


def test_a_decision_is_sent_as_the_apis_value(installation: StubServer, command: Command) -> None:
    installation.answers[DECIDE] = (202, {"workflow_id": an_id(), "status": "waiting_for_you"}, {})

    result = command("decide", an_id(), "send-again", "--yes")

    assert (result.exit_code, result.stdout) == (0, f"{an_id()}: asks the model once more\n")
    assert installation.paths() == [DECIDE]


def test_decide_can_retry_a_failed_undo(installation: StubServer, command: Command) -> None:
    installation.answers[DECIDE] = (202, {"workflow_id": an_id(), "status": "waiting_for_you"}, {})

    result = command("decide", an_id(), "try-again")

    assert (result.exit_code, result.stdout) == (0, f"{an_id()}: tries it again\n")
    assert installation.requests[0].body == {"decision": "try_again"}


def test_decide_can_go_on_without_the_embedding(installation: StubServer, command: Command) -> None:
    installation.answers[DECIDE] = (202, {"workflow_id": an_id(), "status": "waiting_for_you"}, {})

    result = command("decide", an_id(), "go-without")

    assert (result.exit_code, result.stdout) == (0, f"{an_id()}: goes on without it\n")
    assert installation.requests[0].body == {"decision": "go_without"}


def test_every_decision_of_the_api_is_a_choice_of_the_command(command: Command) -> None:
    words = command("decide", "--help").stdout

    assert [one for one in Decision if one.replace("_", "-") not in words] == []


def test_an_unknown_decision_is_refused_by_the_command(installation: StubServer, command: Command) -> None:
    result = command("decide", an_id(), "maybe")

    assert result.exit_code == 2
    assert installation.paths() == []
