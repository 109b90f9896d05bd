"""Parses Markdown as models write it into a document tree: unknown syntax stays text.

Nothing is fetched, HTML is not interpreted, and hostile nesting costs no recursion: containers deeper than the limit are not
opened, so their markers and words stay in the paragraph around them. Strikethrough marks stay as written, because the
words without them would mean the opposite. A footnote becomes `[n]` and an entry in a closing numbered section. No text
fails: one with too many marks to parse is shown as it was written, and a fact of the document says so.
"""

from collections.abc import Sequence

from durable_research.domain.documents.markdown_parser import TooMuchWork, tokens_of
from durable_research.domain.documents.markdown_tree import TreeBuilder, joined_texts
from durable_research.domain.documents.titles import title_and_rest
from durable_research.domain.documents.tree import LARGEST_TEXT_BYTES, Block, CodeBlock, Document
from durable_research.domain.documents.unwrapping import unwrap
from durable_research.domain.language.characters import clean_text, uncover_marks

__all__ = ["joined_texts", "parse_blocks", "parse_markdown"]

# The limit of a document, with room for a title.
_LARGEST_BYTES = LARGEST_TEXT_BYTES - 10_000
# Far more than a model writes or a PDF can hold.
_LONGEST_MARKDOWN = 1_000_000
_AS_WRITTEN = "shown as it was written: it has too many marks to be read as Markdown"


def parse_markdown(
    text: str,
    title: str | None = None,
    *,
    question: str = "",
    language: str = "en",
    footer_label: str | None = None,
    facts: Sequence[tuple[str, str]] = (),
    notes_heading: str = "Notes",
) -> Document:
    """Parse CommonMark with tables, footnotes and addresses as links; `titles.py` chooses the title."""
    text = clean_text(text)
    shortened = text.encode()[:_LARGEST_BYTES].decode(errors="ignore")
    notes = [] if shortened == text else [f"cut at {_LARGEST_BYTES:,} bytes"]
    blocks, own_heading, further_notes = _blocks(unwrap(uncover_marks(shortened)), notes_heading)
    title, blocks = title_and_rest(blocks, title, question, own_heading)
    notes += further_notes
    about = [("Text", "; ".join(notes))] if notes else []
    return Document(title=title, language=language, blocks=blocks, footer_label=footer_label, facts=(*facts, *about))


def parse_blocks(text: str) -> tuple[Block, ...]:
    """Parse the blocks alone: no title is chosen, and no text around a report is removed."""
    return _blocks(text, "")[0]


def _blocks(text: str, notes_heading: str) -> tuple[tuple[Block, ...], Block | None, list[str]]:
    """The blocks, the heading that is added above the footnotes, and notes on what could not be shown as intended."""
    try:
        if len(text) > _LONGEST_MARKDOWN:
            raise TooMuchWork
        tokens, env = tokens_of(text)
    except TooMuchWork:
        return (CodeBlock(text=text.strip("\n")),), None, [_AS_WRITTEN]
    builder = TreeBuilder(tokens, env, text, notes_heading)
    blocks = builder.blocks()
    notes = []
    if plain := env["work"].plain_paragraphs:
        notes.append(f"{plain:,} paragraph{'s' if plain > 1 else ''} {_AS_WRITTEN}")
    if split := builder.tables_changed:
        notes.append(f"{split:,} table{'s' if split > 1 else ''} larger than a page can show, in parts or as text")
    return blocks, builder.notes, notes
