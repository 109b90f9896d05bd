r"""Which characters a text may contain: invisible ones, and ones that change how others are shown, are removed.

PDF/UA forbids U+0000 and U+FEFF outright; no font has a glyph for a noncharacter; and characters that deceive the reader
(overrides of direction, a message hidden in tags) are not allowed in a report. Joiners, marks of direction, soft hyphens,
blanks without width and variation selectors stay: words of many languages need them.
"""

import re

_CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f"
# U+FEFF, fillers of interlinear notes, the placeholder of a lost object, and code points reserved for invisible characters.
_INVISIBLE = "\ufeff\u2065\ufff0-\ufffc\u206a-\u206f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
_OVERRIDES = "\u202d\u202e"
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF) for plane in range(17))
# A flag of a region is a black flag and its name in tags; anywhere else tags are a hidden text.
_TAGS = "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
_FLAG = "\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f"
_UNWANTED = re.compile(f"({_FLAG})|[{_CONTROLS}{_INVISIBLE}{_OVERRIDES}{_NONCHARACTERS}{_TAGS}]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
# Invisible; at the beginning of a line they would hide a mark of Markdown from the parser.
_BEFORE_A_MARK = re.compile(
    "^([ \t>]*)[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202c\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f]+"
    r"(?=[ \t]*(?:#{1,6}[ \t]|[-*+][ \t]|\d{1,9}[.)][ \t]|>|\||`{3}|~{3}|\*\*|\[))",
    re.MULTILINE,
)


def code_point(char: str) -> str:
    """`U+0007` for the character of that number."""
    return f"U+{ord(char):04X}"


def clean_text(text: str) -> str:
    """Remove characters that a text may not contain, replace lone surrogates by U+FFFD and line ends by newlines."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _SURROGATES.sub("\ufffd", _UNWANTED.sub(lambda found: found[1] or "", text))


def uncover_marks(text: str) -> str:
    """Remove invisible characters between the beginning of a line and a mark of Markdown."""
    return _BEFORE_A_MARK.sub(r"\1", text)
