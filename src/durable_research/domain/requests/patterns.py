"""What the API's document says of text that people send: patterns that let through what the rules of `request` let through.

They are written for regular expressions of any language, so without names of character classes. What a pattern cannot tell
(lone surrogates, lengths after NFC, invisible characters beyond the basic plane) the rules alone refuse.
"""

from typing import Any

from pydantic import Field

_CONTROLS = r"\x00-\x1f\x7f-\x9f"
# Blanks, and characters that only steer how others are shown.
_UNSEEN = (
    r"\x20\xa0\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u1680\u180e\u2000-\u200f\u2028-\u202f"
    r"\u205f-\u2064\u2066-\u206f\u3000\ufeff\ufff9-\ufffb"
)
_SEEN = f"[^{_CONTROLS}{_UNSEEN}]"
_OF_TEXT = r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*"
_OF_LINE = f"[^{_CONTROLS}]*"
TEXT_PATTERN = f"^{_OF_TEXT}{_SEEN}{_OF_TEXT}$"
LINE_PATTERN = f"^{_OF_LINE}{_SEEN}{_OF_LINE}$"


def described(**more: Any) -> Any:
    """Adds to the schema of a field what its rules, which are functions, do not tell."""
    return Field(json_schema_extra=more)
