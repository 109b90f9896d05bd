"""The document as a tree of plain values, so that no adapter takes a text for markup.

Every `Document` that exists is within the limits below, its text is clean (`characters.py`), and
its links lead to the web or to a mailbox; adapters rely on that without another check.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from durable_research.domain.errors import DocumentError
from durable_research.domain.language.characters import clean_text
from durable_research.domain.values import Value

LARGEST_TEXT_BYTES = 20_000_000
# Typst refuses 8,000, and browsers began to at 2,083.
LONGEST_ADDRESS = 2_083
MOST_CELLS = 5_000
DEEPEST = 20
UNTITLED = "Untitled"

_IGNORED_IN_ADDRESSES = re.compile(r"[\s\x00-\x20\x7f-\x9f]")
_WEB_OR_MAIL = re.compile(r"(https?://[^/?#]|mailto:.)", re.IGNORECASE)


def safe_href(address: str) -> str | None:
    r"""Return the address of a link, or None when it is neither http, https nor mailto, or is too long.

    Browsers ignore control characters and blanks inside a scheme (`java\tscript:`), so they are removed before the check.
    """
    address = _IGNORED_IN_ADDRESSES.sub("", clean_text(address))
    return address if len(address) <= LONGEST_ADDRESS and _WEB_OR_MAIL.match(address) else None


def _allowed_href(address: str) -> str:
    href = safe_href(address)
    if href is None:
        raise DocumentError(f"a link leads to {address[:40]!r}; only http, https and mailto links are allowed")
    return href


# Before pydantic's own check, which refuses lone surrogates; this replaces them.
CleanText = Annotated[str, BeforeValidator(lambda value: clean_text(value) if isinstance(value, str) else value)]
Line = Annotated[CleanText, AfterValidator(lambda text: " ".join(text.split()))]


class _Value(Value):
    model_config = ConfigDict(extra="forbid")


class Text(_Value):
    """Characters to be shown as they are."""

    kind: Literal["text"] = "text"
    text: CleanText


class Emphasis(_Value):
    """Stressed words, usually in italics."""

    kind: Literal["emphasis"] = "emphasis"
    children: tuple["Inline", ...]


class Strong(_Value):
    """Important words, usually in bold."""

    kind: Literal["strong"] = "strong"
    children: tuple["Inline", ...]


class Code(_Value):
    """A piece of code inside a sentence."""

    kind: Literal["code"] = "code"
    text: CleanText


class Link(_Value):
    """Words that lead to an http, https or mailto address.

    Raises:
        DocumentError: another kind of address was given.
    """

    kind: Literal["link"] = "link"
    href: Annotated[CleanText, AfterValidator(_allowed_href)]
    children: tuple["Inline", ...]


class LineBreak(_Value):
    """A new line inside the same paragraph."""

    kind: Literal["line_break"] = "line_break"


Inline = Annotated[Text | Emphasis | Strong | Code | Link | LineBreak, Field(discriminator="kind")]
Inlines = tuple[Inline, ...]
Alignment = Literal["start", "left", "center", "right"]


class Heading(_Value):
    """A section's name; 1 is the highest level below the document's title."""

    kind: Literal["heading"] = "heading"
    level: Annotated[int, Field(ge=1, le=6)]
    inlines: Inlines


class Paragraph(_Value):
    """Running text."""

    kind: Literal["paragraph"] = "paragraph"
    inlines: Inlines


class BulletList(_Value):
    """Items without order; each is a sequence of blocks."""

    kind: Literal["bullet_list"] = "bullet_list"
    items: tuple[tuple["Block", ...], ...]


class NumberedList(_Value):
    """Items counted upwards from `start`."""

    kind: Literal["numbered_list"] = "numbered_list"
    start: Annotated[int, Field(ge=0, le=999_999_999)] = 1
    items: tuple[tuple["Block", ...], ...]


class Table(_Value):
    """A header row and rows below it, all of one width; `alignments` has one entry per column.

    Raises:
        DocumentError: the rows are not all as wide as the header.
    """

    kind: Literal["table"] = "table"
    header: tuple[Inlines, ...]
    alignments: tuple[Alignment, ...]
    rows: tuple[tuple[Inlines, ...], ...] = ()

    @model_validator(mode="after")
    def _is_a_grid(self) -> Self:
        width = len(self.header)
        if width == 0 or len(self.alignments) != width or any(len(row) != width for row in self.rows):
            raise DocumentError(f"a table is not a grid: its header has {width} cells and another row has not")
        return self


class CodeBlock(_Value):
    """Lines of code; `language` is empty when unknown."""

    kind: Literal["code_block"] = "code_block"
    language: Annotated[str, Field(pattern=r"^[\w+#.-]{0,40}$")] = ""
    text: CleanText


class Quote(_Value):
    """Blocks quoted from another source."""

    kind: Literal["quote"] = "quote"
    blocks: tuple["Block", ...]


class Rule(_Value):
    """A change of subject."""

    kind: Literal["rule"] = "rule"


Block = Annotated[
    Heading | Paragraph | BulletList | NumberedList | Table | CodeBlock | Quote | Rule, Field(discriminator="kind")
]


class Document(_Value):
    """A whole document: a title, blocks, and its printed provenance.

    `language` is a BCP 47 tag. `footer_label` is printed at the foot of every page. `facts` are name and value pairs
    (model, provider, report id, tokens …) for the small table of provenance at the end.

    Raises:
        DocumentError: more than 20 MB of text, a table of more than 5,000 cells, or nesting deeper than 20.
    """

    title: Annotated[Line, AfterValidator(lambda title: title or UNTITLED)]
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$")] = "en"
    blocks: tuple[Block, ...] = ()
    footer_label: Line | None = None
    facts: tuple[tuple[Line, Line], ...] = ()

    @model_validator(mode="after")
    def _is_within_limits(self) -> Self:
        size, tables = len(self.title), 0
        for node, depth in _walk(self.blocks):
            if depth > DEEPEST:
                raise DocumentError(f"a {node.kind.replace('_', ' ')} is nested deeper than {DEEPEST} levels")
            if isinstance(node, Table):
                tables += 1
                cells = len(node.header) * (len(node.rows) + 1)
                if cells > MOST_CELLS:
                    raise DocumentError(f"table {tables} has {cells:,} cells; at most {MOST_CELLS:,} can be typeset")
            elif isinstance(node, Text | Code | CodeBlock):
                size += len(node.text.encode())
        check_size(size)
        return self


@dataclass(frozen=True)
class RenderedDocument:
    """A document as a file."""

    content: bytes
    media_type: str
    pages: int


def check_size(size: int) -> None:
    """Raise DocumentError when `size` bytes are more text than one document may hold."""
    if size > LARGEST_TEXT_BYTES:
        raise DocumentError(f"the text has {size:,} bytes; at most {LARGEST_TEXT_BYTES:,} can be typeset")


def plain_text(document: Document) -> str:
    """Return the title and every block's words; blocks are a blank line apart, cells a tab."""
    return "\n\n".join([document.title, *(block_text(block) for block in document.blocks)])


def inline_text(inlines: Iterable[Inline]) -> str:
    """Return the words alone."""
    parts = (node.text if isinstance(node, Text | Code) else "\n" for node in _leaves(inlines))
    return "".join(parts)


def _leaves(inlines: Iterable[Inline]) -> Iterator[Text | Code | LineBreak]:
    for inline in inlines:
        if isinstance(inline, Emphasis | Strong | Link):
            yield from _leaves(inline.children)
        else:
            yield inline


def block_text(block: Block) -> str:
    """Return one block's words, as `plain_text` does."""
    match block:
        case Heading() | Paragraph():
            return inline_text(block.inlines)
        case CodeBlock():
            return block.text
        case Quote():
            return "\n\n".join(map(block_text, block.blocks))
        case BulletList() | NumberedList():
            return "\n".join("\n".join(map(block_text, item)) for item in block.items)
        case Table():
            return "\n".join("\t".join(map(inline_text, row)) for row in (block.header, *block.rows))
        case Rule():
            return ""


def _walk(nodes: Iterable[Any]) -> Iterator[tuple[Any, int]]:
    """Yield every node below with its depth, without recursion: a hostile tree may be deeper than Python's stack.

    Blocks and inlines are counted apart: a word may be 20 deep in a list that is 20 deep.
    """
    waiting = [(node, 0) for node in reversed(tuple(nodes))]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        below, step = _children(node)
        waiting.extend((child, depth * step + step) for child in reversed(tuple(below)))


def _children(node: Any) -> tuple[Iterable[Any], int]:
    """Return a node's children, and 0 where the count of depth starts again: at the inlines of a block."""
    match node:
        case Emphasis() | Strong() | Link():
            return node.children, 1
        case Quote():
            return node.blocks, 1
        case BulletList() | NumberedList():
            return chain.from_iterable(node.items), 1
        case Heading() | Paragraph():
            return node.inlines, 0
        case Table():
            return (child for row in (node.header, *node.rows) for cell in row for child in cell), 0
        case _:
            return (), 0
