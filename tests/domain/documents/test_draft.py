"""A draft's edit is checked before it is accepted, so that an accepted edit can be typeset."""

import pytest

from durable_research.domain.documents.draft import check_text
from durable_research.domain.errors import InvalidInput


def test_line_ends_and_invisible_characters_of_an_edit_are_normalised() -> None:
    assert check_text("# Mine\r\n\r\n- a\r\n") == "# Mine\n\n- a\n"


@pytest.mark.parametrize("text", ["", " \n", "# ", "> \n> ", "- \n- ", "\u200b"])
def test_an_edit_without_visible_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        check_text(text)

    assert [(error.pointer, error.code) for error in refusal.value.errors] == [("/text", "blank")]


def test_an_edit_longer_than_a_document_may_be_is_refused() -> None:
    with pytest.raises(InvalidInput) as refusal:
        check_text("x" * 10_000_001)

    assert [(error.pointer, error.code) for error in refusal.value.errors] == [("/text", "too_long")]


@pytest.mark.parametrize(
    "text",
    ["# Draft", "বাংলা", "|a|\n|-|\n" + "|b|\n" * 6_000, "[" * 60_000, "- a\n" * 60_000, "> " * 500 + "deep"],
    ids=lambda text: ascii(text[:9]),
)
def test_an_edit_with_visible_text_is_accepted_unchanged(text: str) -> None:
    assert check_text(text) == text
