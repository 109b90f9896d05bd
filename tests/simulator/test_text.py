"""The answers: varied, repeatable, and honest about what they are."""

import re

import pytest

from durable_research.simulator.text.phrases import DEMO_NOTE
from durable_research.simulator.text.writer import compose

PROMPTS = [f"Write a research report about {topic}" for topic in ("tides", "glass", "the history of salt", "bees")]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_report_is_four_to_seven_kilobytes(prompt: str) -> None:
    assert 4_000 <= len(compose(prompt, "").encode()) <= 7_000


def test_the_same_question_gives_the_same_answer() -> None:
    assert compose.__wrapped__("why?", "be kind") == compose.__wrapped__("why?", "be kind")


def test_other_instructions_give_another_answer() -> None:
    assert compose("why?", "be kind") != compose("why?", "be brave")


@pytest.mark.parametrize(
    "form",
    [
        r"^# The history of salt$",
        r"^## ",
        r"^\| Case \|",
        r"^- ",
        r"^1\. ",
        r"^```\w+$",
        r"\]\(https://",
        r"\[\^scope\]",
        r"^\[\^scope\]: ",
    ],
)
def test_a_report_contains_every_form_of_markdown(form: str) -> None:
    assert re.search(form, compose(PROMPTS[2], ""), re.MULTILINE)


@pytest.mark.parametrize("prompt", ["why is the sky blue?", "summarise the sky", ""])
def test_every_generated_text_says_that_it_is_not_research(prompt: str) -> None:
    assert DEMO_NOTE in compose(prompt, "")


@pytest.mark.parametrize(
    ("prompt", "word"),
    [
        ("光はなぜ青いのですか", "けんきゅう"),
        ("为什么天空是蓝色的", "研究"),
        ("하늘은 왜 파란가요", "연구"),
        ("Почему небо голубое", "исследование"),
        ("Γιατί είναι γαλάζιος", "έρευνα"),
        ("the sky, with the Arabic terms", "بحث"),
        ("the sky, with Hebrew words", "מחקר"),
    ],
)
def test_words_of_another_script_appear_when_the_prompt_uses_or_requests_it(prompt: str, word: str) -> None:
    assert word in compose(prompt, "")


@pytest.mark.parametrize(
    ("prompt", "instructions"),
    [
        ("Write a short answer about tides", ""),
        ("Tides, in one paragraph", ""),
        ("Summarise this:\n" + "x" * 5_000, ""),
        ("x" * 5_000 + "\nSummarize the above.", ""),
        ("tides", "Summarise the text you are given. Be precise."),
    ],
)
def test_a_request_for_a_short_answer_gets_one_paragraph(prompt: str, instructions: str) -> None:
    answer = compose(prompt, instructions)

    assert (len(answer) < 1_000, "\n" in answer) == (True, False)


def test_the_word_short_in_the_subject_does_not_shorten_the_answer() -> None:
    assert len(compose("How does short-term memory work?", "")) > 4_000


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "| a |\n\n# {x} %s \\", "", "  two  spaces  \n"])
def test_the_text_after_echo_is_returned_verbatim(hostile: str) -> None:
    assert compose(f"Please.\nECHO: {hostile}", "") == hostile
