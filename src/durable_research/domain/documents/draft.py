"""Checks whether a person's text can replace a draft, before it is accepted, so that nothing is lost later."""

from durable_research.domain.documents.markdown import parse_blocks
from durable_research.domain.documents.text import has_visible_text
from durable_research.domain.documents.tree import LARGEST_TEXT_BYTES, block_text
from durable_research.domain.errors import FieldError, InvalidInput
from durable_research.domain.language.characters import clean_text


def check_text(text: str) -> str:
    """Return the text to store: clean, and short enough to make one document.

    Parsing Markdown is pure Python and may take a second; call it outside the event loop.

    Raises:
        InvalidInput: it is longer than a document may be, or has nothing to read.
    """
    text = clean_text(text)
    if len(text.encode()) > LARGEST_TEXT_BYTES // 2:
        raise InvalidInput([FieldError("/text", "too_long", f"must have at most {LARGEST_TEXT_BYTES // 2:,} bytes")])
    if not has_visible_text("".join(map(block_text, parse_blocks(text)))):
        raise InvalidInput([FieldError("/text", "blank", "must contain something to read")])
    return text
