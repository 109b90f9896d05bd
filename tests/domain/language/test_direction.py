"""Which way a language and a text run."""

import pytest

from durable_research.domain.language.direction import is_right_to_left, reads_right_to_left


@pytest.mark.parametrize(
    ("tag", "rtl"), [("ar", True), ("AR-eg", True), ("fa", True), ("en", False), ("zh-Hant", False)]
)
def test_the_direction_of_a_language_does_not_depend_on_its_region(tag: str, rtl: bool) -> None:
    assert is_right_to_left(tag) is rtl


@pytest.mark.parametrize(("text", "rtl"), [("1. שלום", True), ("(Tides) مرحبا", False), ("123", True)])
def test_the_first_letter_decides_the_direction_or_else_the_surrounding_text(text: str, rtl: bool) -> None:
    assert reads_right_to_left(text, otherwise=True) is rtl
