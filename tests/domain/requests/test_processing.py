"""The rules for a generated text, each at its limit."""

from typing import Any

import pytest

from durable_research.domain.requests.processing import OutputRules, broken_rules

LONG = "The sea rises and falls. " * 20


def broken(text: str = LONG, wanted: str | None = None, language: str | None = "en", **rules: Any) -> list[str]:
    return broken_rules(text, OutputRules(**rules), wanted, language)


def test_an_ordinary_text_breaks_no_rule() -> None:
    assert broken(wanted="en") == []


@pytest.mark.parametrize(
    ("length", "rules", "words"),
    [
        (200, {}, []),
        (199, {}, ["it has 199 characters, and at least 200 are wanted"]),
        (50, {"min_characters": 50, "max_characters": 50}, []),
        (51, {"min_characters": 0, "max_characters": 50}, ["it has 51 characters, and at most 50 are wanted"]),
        (1_234, {"min_characters": 2_000}, ["it has 1,234 characters, and at least 2,000 are wanted"]),
    ],
)
def test_a_text_that_is_too_short_or_too_long_breaks_the_length_rule(
    length: int, rules: dict[str, Any], words: list[str]
) -> None:
    assert broken("潮" * length, **rules) == words


def test_blanks_around_a_text_do_not_count() -> None:
    assert broken(" \n" + "x" * 199 + "\n ") == ["it has 199 characters, and at least 200 are wanted"]


@pytest.mark.parametrize(
    ("wanted", "language", "check", "passes"),
    [
        ("de", "de", True, True),
        ("de-AT", "de", True, True),
        ("de", "en", True, False),
        ("de", "en", False, True),
        (None, "en", True, True),
        ("sr-Latn", "hr", True, True),  # the two are hardly distinguishable
        ("zh-Hant", "zh", True, True),
        ("yue-HK", "zh", True, True),
        ("nb", "no", True, True),
        ("sr-Latn", "sl", True, False),
        ("tlh", None, True, True),  # undecidable
        ("x-private", "en", True, True),
    ],
)
def test_a_text_in_another_than_the_requested_language_breaks_a_rule(
    wanted: str | None, language: str | None, check: bool, passes: bool
) -> None:
    assert (broken(wanted=wanted, language=language, check_language=check) == []) is passes


@pytest.mark.parametrize(
    "opening",
    [
        "I'm sorry, but I can't do that. ",
        "I am afraid that I am not able to write about this. ",
        "I cannot help with that. ",
        "I WON\u2019T WRITE this. ",
        "As an AI language model, I have no opinion. ",
        "x" * 350 + " I will not comply. ",
    ],
)
def test_a_refusal_at_the_start_of_a_text_is_found(opening: str) -> None:
    assert broken(opening + LONG) == ["it refuses to answer"]
    assert broken(opening + LONG, forbid_refusal=False) == []


@pytest.mark.parametrize("text", [LONG + "He said: I cannot help with that.", "I can help with that. " + LONG])
def test_a_refusal_quoted_later_in_a_text_is_no_refusal(text: str) -> None:
    assert broken(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "<think>short</think>" + LONG,
        LONG + "</reasoning>",
        "<|channel|>final" + LONG,
        "Okay, so the user wants tides. " + LONG,
        "  hmm. let me see. " + LONG,
        "We need to answer about tides. " + LONG,
    ],
)
def test_model_reasoning_in_a_text_is_found(text: str) -> None:
    assert broken(text) == ["it shows the model's reasoning"]
    assert broken(text, forbid_reasoning=False) == []


@pytest.mark.parametrize("later", ["We need to answer these questions.", "Okay, so the user is served."])
def test_a_reasoning_phrase_later_in_a_text_is_allowed(later: str) -> None:
    assert broken(LONG + later) == []


def test_all_broken_rules_are_listed_at_once() -> None:
    assert len(broken("<think>I cannot help with that", wanted="de")) == 4
