import json
import unicodedata
from datetime import UTC, datetime

import pytest

from durable_research.cli.terminal import as_json, clean, clean_lines
from durable_research.cli.views import _WORDS, age, duration, event_line, status_text
from durable_research.domain.progress import EventKind, ProgressEvent, StepState
from durable_research.domain.workflow import Status

EVERY_CONTROL = "".join(chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) == "Cc")


def test_no_control_character_comes_through() -> None:
    assert {unicodedata.category(char) for char in clean(EVERY_CONTROL)} <= {"So", "Zs"}
    assert set(clean_lines(EVERY_CONTROL)) == {"\N{REPLACEMENT CHARACTER}", "\n", "\t"}


def test_letters_marks_and_emoji_of_every_script_stay() -> None:
    text = "Zażółć 潮汐 مد وجزر ज्वार 👩🏽‍🔬"

    assert clean(text) == text


def test_json_has_no_raw_control_character_and_is_the_same_value() -> None:
    value = {"title": EVERY_CONTROL + "潮\u202e\u2028\ud800"}

    text = as_json(value)

    assert not {unicodedata.category(char) for char in text} & {"Cc", "Cs", "Zl"}
    assert (json.loads(text), "潮" in text) == (value, True)


@pytest.mark.parametrize("status", [*Status, *StepState])
def test_every_status_has_a_shape_and_a_word(status: str) -> None:
    shape, _, word = status_text(status).plain.partition(" ")

    assert (shape != "?", word) == (True, status.replace("_", " "))


def test_a_status_that_is_not_known_yet_is_shown_as_it_is() -> None:
    assert status_text("thinking\x1b").plain == "? thinking\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("kind", [*EventKind])
def test_every_kind_of_event_has_words(kind: EventKind) -> None:
    event = ProgressEvent(
        "report-x", 1, datetime(2026, 11, 21, tzinfo=UTC), kind, "llm_call{0}", 1, {"worker": "\x1b{x}"}
    )

    assert set(_WORDS) == set(EventKind)
    assert "\x1b" not in event_line(event)


@pytest.mark.parametrize(
    ("seconds", "words"), [(-5, "0.0 s"), (4.21, "4.2 s"), (65, "1 min 05 s"), (7265, "2 h 01 min")]
)
def test_durations_read_well(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("at", "words"), [("12:00:30", "just now"), ("11:57:00", "3 min ago"), ("09:59:00", "2 h ago")]
)
def test_ages_read_well_and_are_never_in_the_future(at: str, words: str) -> None:
    assert age(f"2026-11-21T{at}+00:00", datetime(2026, 11, 21, 12, 0, tzinfo=UTC)) == words
