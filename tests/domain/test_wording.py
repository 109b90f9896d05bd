import pytest

from durable_research.domain.wording import ATTEMPT_EVENTS, WORKFLOW_EVENTS, ended, event_words, look, plural
from durable_research.domain.workflows.events import EventKind
from durable_research.domain.workflows.progress import StepState
from durable_research.domain.workflows.workflow import FINAL, Status


def test_every_status_and_step_state_has_a_symbol_and_words() -> None:
    looks = {state: look(state) for state in [*Status, *StepState]}

    assert {state for state, (shape, words) in looks.items() if shape == "?" or "_" in words} == set()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (Status.PARTLY_DONE, "◐ partly done"),
        (StepState.PENDING, "◌ not begun"),
        (StepState.WAITING, "◇ waiting for you"),
        ("thinking_hard", "? thinking hard"),
    ],
)
def test_a_state_is_shown_by_its_symbol_and_words(state: str, words: str) -> None:
    assert " ".join(look(state)) == words


def test_each_final_status_has_its_own_symbol() -> None:
    assert len({look(end).shape for end in FINAL}) == len(FINAL)


def test_every_kind_of_event_has_one_wording() -> None:
    assert sorted([*ATTEMPT_EVENTS, *WORKFLOW_EVENTS]) == sorted(EventKind)


@pytest.mark.parametrize("kind", EventKind)
def test_an_event_without_data_still_has_words(kind: EventKind) -> None:
    assert "{" not in event_words(kind, {}, "busy")


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        (EventKind.ATTEMPT_STARTED, {"worker": "w1"}, "started on w1"),
        (EventKind.ATTEMPT_FAILED, {}, "failed: {busy}"),
        (EventKind.ATTEMPT_LOST, {"worker": "{w}"}, "lost, {w} went away"),
        (EventKind.ATTEMPT_LOST, {"worker": None}, "lost, its worker went away"),
        (EventKind.CALL_SENT_AGAIN, {"possible_extra": 2}, "sends the call again: 2 earlier may have been charged"),
        (EventKind.CLOSED, {"status": "terminated"}, "the run was ended from outside"),
    ],
)
def test_an_events_words_are_filled_with_its_data(kind: EventKind, data: dict[str, object], words: str) -> None:
    assert event_words(kind, data, "{busy}") == words


@pytest.mark.parametrize(
    ("status", "words"), [("done", "is done"), ("partly_done", "is partly done"), ("failed", "has failed")]
)
def test_a_final_status_is_worded_as_a_predicate(status: str, words: str) -> None:
    assert ended(status) == words


def test_a_count_of_one_is_singular() -> None:
    assert [plural(count, "call") for count in (0, 1, 2)] == ["0 calls", "1 call", "2 calls"]
