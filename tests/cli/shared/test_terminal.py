import json
import unicodedata
from datetime import UTC, datetime

import pytest

from durable_research.cli.shared.terminal import as_json, clean, clean_lines
from durable_research.cli.shared.views import event_line, status_text
from durable_research.domain.wording import look
from durable_research.domain.workflows.events import EventKind
from durable_research.domain.workflows.progress import ProgressEvent, StepState
from durable_research.domain.workflows.workflow import Status

EVERY_CONTROL = "".join(chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) == "Cc")


def test_control_characters_are_replaced() -> None:
    assert {unicodedata.category(char) for char in clean(EVERY_CONTROL)} <= {"So", "Zs"}
    assert set(clean_lines(EVERY_CONTROL)) == {"\N{REPLACEMENT CHARACTER}", "\n", "\t"}


def test_letters_marks_and_emoji_of_every_script_are_kept() -> None:
    text = "Zażółć 潮汐 مد وجزر ज्वार 👩🏽‍🔬"

    assert clean(text) == text


def test_json_has_no_raw_control_character_and_is_the_same_value() -> None:
    value = {"title": EVERY_CONTROL + "潮\u202e\u2028\ud800"}

    text = as_json(value)

    assert not {unicodedata.category(char) for char in text} & {"Cc", "Cs", "Zl"}
    assert (json.loads(text), "潮" in text) == (value, True)


@pytest.mark.parametrize("status", [*Status, *StepState])
def test_every_status_has_a_symbol_words_and_a_color(status: str) -> None:
    assert (status_text(status).plain, bool(status_text(status).style)) == (" ".join(look(status)), True)


def test_an_unknown_status_is_shown_as_text() -> None:
    assert status_text("thinking\x1b").plain == "? thinking\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("kind", [*EventKind])
def test_control_characters_in_events_are_replaced(kind: EventKind) -> None:
    error = {"code": "\x1b", "detail": "\x1b{0}"}
    event = ProgressEvent(
        "report-x",
        1,
        datetime(2026, 11, 21, tzinfo=UTC),
        kind,
        "llm_call{0}\x1b",
        1,
        {"worker": "\x1b{x}", "error": error},
    )

    assert "\x1b" not in event_line(event)


def test_a_failed_attempt_is_shown_with_its_error_and_retry_time() -> None:
    data = {"error": {"code": "rate_limited", "detail": "busy"}, "retry_in_seconds": 119.7}
    event = ProgressEvent(
        "report-x", 1, datetime(2026, 11, 21, tzinfo=UTC), EventKind.ATTEMPT_FAILED, "llm_call", 2, data
    )

    assert event_line(event).partition("  ")[2] == (
        "llm_call, attempt 2: failed: rate_limited: busy; tries again in 1 min 59 s"
    )
