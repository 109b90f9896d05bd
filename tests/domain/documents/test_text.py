"""Texts: whether any character is visible, and what their object keys show."""

import pytest

from durable_research.domain.documents.object_keys import Suffix
from durable_research.domain.documents.text import TextReference, has_visible_text


@pytest.mark.parametrize(
    "text", ["", " \t\r\n", "\ufeff", "\u200b\u200e\u2060", "\x00\x1b", "\u00ad", "\u3164\u2800", "\u0301", "\ue000"]
)
def test_invisible_characters_are_no_visible_text(text: str) -> None:
    assert not has_visible_text(text)


@pytest.mark.parametrize("text", ["x", ".", "潮", "🌊", "\u200bא", "e\u0301", "\ufffd"])
def test_a_single_visible_character_is_a_text(text: str) -> None:
    assert has_visible_text(f" \n{text}\n")


@pytest.mark.parametrize(
    ("suffix", "flags"),
    [(Suffix.TEXT, (False, False)), (Suffix.CUT_TEXT, (True, False)), (Suffix.EDITED_TEXT, (False, True))],
)
def test_the_object_key_shows_whether_a_text_was_cut_or_edited(suffix: Suffix, flags: tuple[bool, bool]) -> None:
    text = TextReference(key=f"tenant/workflow/hash{suffix}", sha256="hash", size_bytes=1)

    assert (text.is_cut, text.is_edited) == flags
