"""Whether a text of a person can stand in for a draft: asked before it is accepted, so that nothing is lost later."""

from durable_research.domain.characters import clean_text
from durable_research.domain.document import block_text
from durable_research.domain.errors import DocumentError, FieldError, InvalidInput
from durable_research.domain.markdown import parse_markdown
from durable_research.domain.text import has_visible_text


def check_text(text: str) -> str:
    """Return the text as it is kept: clean, and known to make a document.

    Reading Markdown is pure Python and may take a while; keep it off an event loop.

    Raises:
        InvalidInput: nothing of it could be read, or it cannot be typeset; the words say why.
    """
    text = clean_text(text)
    try:
        document = parse_markdown(text, "Draft")
    except DocumentError as refusal:
        raise InvalidInput([FieldError("/text", "document_error", refusal.detail)]) from None
    if not has_visible_text("".join(map(block_text, document.blocks))):
        raise InvalidInput([FieldError("/text", "blank", "must contain something to read")])
    return text
