"""The columns of a text's reference and its tokens, the same in `reports` and `posts`."""

from typing import Any

from sqlalchemy import Row

from durable_research.domain.documents.text import TextReference
from durable_research.domain.ledger.usage import TokenUsage

TextRow = Row[*tuple[Any, ...]]


def columns_of(text: TextReference, usage: TokenUsage) -> dict[str, Any]:
    """List the values to insert."""
    return {
        "text_key": text.key,
        "text_sha256": text.sha256,
        "text_bytes": text.size_bytes,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "tokens_estimated": usage.is_estimate,
    }


def text_of(row: TextRow) -> TextReference:
    """Read the text's reference from a row."""
    return TextReference(key=row.text_key, sha256=row.text_sha256, size_bytes=row.text_bytes)


def usage_of(row: TextRow) -> TokenUsage:
    """Read the token counts from a row."""
    return TokenUsage(input_tokens=row.input_tokens, output_tokens=row.output_tokens, is_estimate=row.tokens_estimated)
