"""Patterns of the OpenAPI document for text from people; they match all text that the rules of `request` accept.

They use regular expressions that every language has, so no named character classes. Only the rules refuse what a pattern
cannot express (lone surrogates, lengths after NFC, invisible characters beyond the basic plane).
"""

from typing import Any

from pydantic import Field

_CONTROLS = r"\x00-\x1f\x7f-\x9f"
# Blanks, and characters that only control how others are shown.
_INVISIBLE = (
    r"\x20\xa0\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u1680\u180e\u2000-\u200f\u2028-\u202f"
    r"\u205f-\u2064\u2066-\u206f\u3000\ufeff\ufff9-\ufffb"
)
_VISIBLE = f"[^{_CONTROLS}{_INVISIBLE}]"
_OF_TEXT = r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*"
_OF_LINE = f"[^{_CONTROLS}]*"
TEXT_PATTERN = f"^{_OF_TEXT}{_VISIBLE}{_OF_TEXT}$"
LINE_PATTERN = f"^{_OF_LINE}{_VISIBLE}{_OF_LINE}$"


def described(**more: Any) -> Any:
    """Add to a field's schema what cannot be derived from its rules, which are functions."""
    return Field(json_schema_extra=more)
