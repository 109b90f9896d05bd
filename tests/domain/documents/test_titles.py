"""A title is always found, and by one rule."""

import pytest

from durable_research.domain.documents.markdown import parse_markdown
from durable_research.domain.documents.tree import Heading

QUESTION = "How strong are tides?\nIn two pages."
SHORT_QUESTION = "How strong are tides?"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# Tides\n\nwords", "Tides"),
        ("\ufeff# Tides\n\nwords", "Tides"),
        ("\u200b# Tides\n\nwords", "Tides"),
        ("Tides\n=====\n\nwords", "Tides"),
        ("Certainly! Here it is.\n\n# Tides\n\n## Cost", "Tides"),
        ("I will look.\n\n---\n\n- one\n- two\n\n# Tides\n\nwords", "Tides"),
        ("## Preface\n\nwords\n\n# Tides\n\nwords", "Tides"),
        ("## Only level two\n\nwords", "Only level two"),
        ("Sure.\n\n### Only level three\n\nwords", "Only level three"),
        ("**Bold title**\n\nwords", "Bold title"),
        ("**Bold title**\nwords", "Bold title"),
        ("__Bold title__\n\nwords", "Bold title"),
        ("**Title: Tides**\n\nwords", "Tides"),
        ("# *Why* `blue`?\n\nwords", "Why blue?"),
        ("```markdown\n# Tides\n\nwords\n```", "Tides"),
        ("Here:\n\n```md\n# Tides\n\n```py\nx\n```\nwords\n```\n\nMore?", "Tides"),
        ("```\n# Tides\n\nwords\n```", "Tides"),
        ("```markdown\n# Tides\n\ncut of", "Tides"),
        ("words alone", SHORT_QUESTION),
        ("**Bold** words", SHORT_QUESTION),
        ("## Introduction\n\nwords\n\n## Cost\n\nmore", "Cost"),
        ("## Introduction\n\nwords", SHORT_QUESTION),
        ("#\n\n# \u200b\n\nwords", SHORT_QUESTION),
        ("# " + "very " * 60 + "long\n\nwords", SHORT_QUESTION),
        ("\n\n".join(["words"] * 20 + ["# Appendix"]), SHORT_QUESTION),
        ("> # Quoted\n\nwords", SHORT_QUESTION),
        ("words[^1]\n\n[^1]: note", SHORT_QUESTION),
        ("", SHORT_QUESTION),
    ],
    ids=lambda value: repr(value[:24]),
)
def test_the_title_is_the_first_heading_near_the_top_or_else_the_question(text: str, title: str) -> None:
    assert parse_markdown(text, question=QUESTION).title == title


@pytest.mark.parametrize("text", ["# Tides\n\nwords", "## Tides\n\nwords", "**Tides**\n\nwords", "Hello.\n\n# Tides"])
def test_the_heading_used_as_title_is_not_repeated(text: str) -> None:
    document = parse_markdown(text, question=QUESTION)

    assert "Tides" not in repr(document.blocks)


def test_a_requested_title_takes_precedence_over_a_heading() -> None:
    document = parse_markdown("# Tides\n\nwords", "  Mine\n", question=QUESTION)

    assert (document.title, type(document.blocks[0])) == ("Mine", Heading)


def test_a_long_question_is_cut_and_its_empty_lines_are_skipped_in_the_title() -> None:
    title = parse_markdown("words", question="\n \u200b\n" + "why " * 40).title

    assert title == ("why " * 20).rstrip() + "…"


def test_a_code_block_with_markdown_stays_a_code_block() -> None:
    text = "# How to\n\n```markdown\n# Title\n```\n\nwords"

    assert "CodeBlock" in repr(parse_markdown(text).blocks)
