"""Replaces characters that no font has in a PDF: by their code point in a box, and a note with their number."""

import re
import unicodedata
from collections.abc import Collection

from durable_research.domain.language.characters import code_point

Run = dict[str, str]

# The words after the script in a character's name.
_KIND_OF_SIGN = re.compile(
    r" (?:CAPITAL|SMALL|LETTER|LIGATURE|SIGN|VOWEL|CONSONANT|SYLLAB|DIGIT|NUMBER|MARK|SYMBOL|HIEROGLYPH|IDEOGRA|CHARACTER|"
    r"PUNCTUATION|INDEPENDENT|DEPENDENT|TONE|STRESS|FRACTION).*"
)
_MOST_SCRIPTS = 5


class Glyphs:
    """Splits texts at the `missing` characters."""

    def __init__(self, missing: Collection[str]) -> None:
        self._missing = sorted(missing)
        self._split = re.compile(f"([{re.escape(''.join(self._missing))}])") if missing else None

    def runs(self, text: str) -> list[Run]:
        """The text in pieces; a character without a glyph is a piece of its own, with its code point."""
        if self._split is None:
            return [{"text": text}]
        pieces = enumerate(self._split.split(text))
        return [{"missing" if at % 2 else "text": code_point(one) if at % 2 else one} for at, one in pieces if one]

    def string(self, text: str) -> str:
        """The same in one string, for code: with brackets instead of the box."""
        return text if self._split is None else self._split.sub(lambda found: f"[{code_point(found[0])}]", text)

    def fact(self) -> list[tuple[str, str]]:
        """The note for the provenance; none where nothing is missing."""
        if not self._missing:
            return []
        scripts = list(dict.fromkeys(map(_script, self._missing)))
        names = ", ".join(scripts[:_MOST_SCRIPTS]) + (" and others" if len(scripts) > _MOST_SCRIPTS else "")
        count = len(self._missing)
        each = "1 character has" if count == 1 else f"{count:,} characters have"
        return [("Characters", f"{each} no glyph in the fonts of this file, shown as code points: {names}")]


def _script(char: str) -> str:
    """The name of the script, from the character's own name."""
    name = unicodedata.name(char, "")
    if not name:
        return "private use" if unicodedata.category(char) == "Co" else "unassigned"
    return _KIND_OF_SIGN.sub("", name).split("-")[0].title()
