"""Characters of a text: removed are those that break a report, deceive its reader, or hide Markdown."""

import pytest

from durable_research.domain.language.characters import clean_text, uncover_marks


@pytest.mark.parametrize(
    "unwanted",
    [
        *(
            "\ufeff",
            "\x00",
            "\x0b",
            "\x1b",
            "\x7f",
            "\x85",
            "\x9f",
            "\ufffe",
            "\uffff",
            "\ufdd0",
            "\U0001ffff",
            "\U0010fffe",
        ),
        *("\ufff9", "\ufffb", "\ufffc", "\u2065", "\u206a", "\U0001d173", "\U000e0001", "\U000e0041", "\u202e"),
    ],
    ids=lambda char: f"U+{ord(char):04X}",
)
def test_invisible_and_deceptive_characters_are_removed(unwanted: str) -> None:
    assert clean_text(f"{unwanted}High{unwanted}tide{unwanted}") == "Hightide"


@pytest.mark.parametrize(
    "wanted",
    [
        *(
            "\n",
            "\t",
            "\u00a0",
            "\u00ad",
            "\u200b",
            "\u200c",
            "\u200d",
            "\u200e",
            "\u2060",
            "\u2066",
            "\u2069",
            "\u061c",
        ),
        *(
            "\ufe0f",
            "\U000e0100",
            "\ue000",
            "👩\u200d🔬",
            "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        ),
    ],
    ids=ascii,
)
def test_characters_that_a_language_or_emoji_needs_are_kept(wanted: str) -> None:
    assert clean_text(f"a{wanted}b") == f"a{wanted}b"


def test_a_text_hidden_in_tag_characters_after_a_flag_is_removed() -> None:
    assert clean_text("🏴\U000e0049\U000e0047\U000e004e\U000e004f") == "🏴"


def test_a_lone_surrogate_becomes_the_replacement_character() -> None:
    assert clean_text("a\ud800b") == "a\ufffdb"


@pytest.mark.parametrize("mark", ["# ", "- ", "1. ", "> ", "| a", "```", "**a**", "[1]"])
@pytest.mark.parametrize("hidden", ["\u200b", "\u200f", "\u2060\u200e", "\u00ad"], ids=ascii)
def test_an_invisible_character_before_a_markdown_mark_is_removed(hidden: str, mark: str) -> None:
    assert uncover_marks(f"words\n{hidden}{mark}") == f"words\n{mark}"


def test_an_invisible_character_before_words_is_kept() -> None:
    assert uncover_marks("\u200fמים") == "\u200fמים"
