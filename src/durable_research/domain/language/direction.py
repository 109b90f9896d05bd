"""The direction of a text: one rule for every format."""

import unicodedata

from durable_research.domain.language.languages import subtags

_RTL_SCRIPTS = {"Adlm", "Arab", "Hebr", "Nkoo", "Rohg", "Samr", "Syrc", "Thaa"}
_RTL_LANGUAGES = {"ar", "dv", "fa", "he", "iw", "ku", "ps", "sd", "ug", "ur", "yi"}


def is_right_to_left(language: str) -> bool:
    """Whether the language with this BCP 47 tag is written from right to left."""
    primary, script, _ = subtags(language)
    return script in _RTL_SCRIPTS if script else (primary or "") in _RTL_LANGUAGES


def reads_right_to_left(text: str, otherwise: bool) -> bool:
    """Decide by the first character that has a direction, as the Unicode bidirectional algorithm does."""
    for char in text:
        direction = unicodedata.bidirectional(char)
        if direction == "L":
            return False
        if direction in ("R", "AL"):
            return True
    return otherwise
