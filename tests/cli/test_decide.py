from .conftest import Command
from .stand_in import StandIn, an_id

DECIDE = f"/api/workflows/{an_id()}/decide"


def test_a_decision_is_passed_on_in_the_apis_words(installation: StandIn, command: Command) -> None:
    installation.answers[DECIDE] = (202, {"workflow_id": an_id(), "status": "waiting_for_you"})

    result = command("decide", an_id(), "send-again")

    assert (result.exit_code, result.stdout) == (0, f"{an_id()}: asks the model once more\n")
    assert installation.paths() == [DECIDE]


def test_a_failed_undo_is_tried_again(installation: StandIn, command: Command) -> None:
    installation.answers[DECIDE] = (202, {"workflow_id": an_id(), "status": "waiting_for_you"})

    result = command("decide", an_id(), "try-again")

    assert (result.exit_code, result.stdout) == (0, f"{an_id()}: goes on cleaning up\n")
    assert installation.asked[0].body == {"decision": "try_again"}


def test_another_word_is_refused_here(installation: StandIn, command: Command) -> None:
    result = command("decide", an_id(), "maybe")

    assert result.exit_code == 2
    assert installation.paths() == []
