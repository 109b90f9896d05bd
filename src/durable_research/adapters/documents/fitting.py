"""Makes a document fit the memory of its typesetter: first plainer, then shorter; never by failing.

Typst's memory was measured for each kind of content (bench/typesetting.py); the sums here are upper bounds of that. They
depend on the tree alone, so that the same document gives the same file on every machine.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import chain
from typing import TypeVar

from durable_research.adapters.documents.levels import MOST_HEADINGS_IN_CONTENTS
from durable_research.domain.documents import tree as doc
from durable_research.domain.documents.markdown import joined_texts

# The limit of a typesetter, its programs and fonts included; without a document it uses WARM_BYTES of that.
MEMORY_BYTES = 256 * 1024**2
FILES_BYTES = 40 * 1024**2
_WARM_BYTES = 110 * 1024**2
# Bytes for each, which Typst holds until the file is written.
_LETTER, _OTHER_CHARACTER, _CODE_LETTER, _COLOURED_LETTER = 400, 900, 600, 1_600
_BOX, _INLINE, _LINE, _CODE_LINE, _CELL = 4_500, 8_000, 3_000, 4_500, 12_000
_BLOCK, _ITEM, _HEADING, _CONTENTS = 15_000, 20_000, 30_000, 80_000 * MOST_HEADINGS_IN_CONTENTS
_GOES_ON = "The text goes on: the Markdown and HTML files of this report hold all of it."

Whole = TypeVar("Whole")


def budget_of(memory_bytes: int) -> int:
    """The part of a typesetter's memory for a document."""
    return memory_bytes - _WARM_BYTES


def weight(document: doc.Document) -> int:
    """An upper bound of its memory, in bytes."""
    return _Scale(frozenset()).blocks(document.blocks) + _CONTENTS


def fitted(document: doc.Document, budget: int, missing: Collection[str] = ()) -> doc.Document:
    """Return the document, or the part that can be typeset in `budget` bytes, with a note where that is less."""
    scale, budget = _Scale(frozenset(missing)), budget - _CONTENTS
    if scale.blocks(document.blocks) <= budget:
        return document
    for what, words in _PLAINER.items():
        plainer = tuple(_plainer(block, words) for block in document.blocks)
        if scale.blocks(plainer) <= budget:
            note = f"without {what}, as there is more of it than a file can hold"
            return document.model_copy(update={"blocks": plainer, "facts": (*document.facts, ("Layout", note))})
    shorter = tuple(scale.beginning(plainer, budget))
    held, whole = (
        len(doc.plain_text(document.model_copy(update={"blocks": some}))) for some in (shorter, document.blocks)
    )
    note = f"this file holds the first {held:,} of {whole:,} characters; the Markdown and HTML files hold all"
    end = doc.Paragraph(inlines=(doc.Emphasis(children=(doc.Text(text=_GOES_ON),)),))
    return document.model_copy(update={"blocks": (*shorter, end), "facts": (*document.facts, ("Layout", note))})


class _Scale:
    """Estimates the memory of content, and cuts it to a budget."""

    def __init__(self, missing: frozenset[str]) -> None:
        self._missing = missing

    def blocks(self, blocks: Iterable[doc.Block]) -> int:
        return sum(map(self._block, blocks))

    def _block(self, block: doc.Block) -> int:
        match block:
            case doc.Heading():
                return _HEADING + self._inlines(block.inlines)
            case doc.Paragraph():
                return _BLOCK + self._inlines(block.inlines)
            case doc.BulletList() | doc.NumberedList():
                return _BLOCK + sum(map(self._item, block.items))
            case doc.Quote():
                return _BLOCK + self.blocks(block.blocks)
            case doc.Table():
                return _BLOCK + sum(map(self._row, (block.header, *block.rows)))
            case doc.CodeBlock():
                return _BLOCK + block.text.count("\n") * _CODE_LINE + self._text(block.text, _code_letter(block))
            case _:
                return _BLOCK

    def _item(self, item: Sequence[doc.Block]) -> int:
        return _ITEM + self.blocks(item)

    def _row(self, row: Sequence[Sequence[doc.Inline]]) -> int:
        return sum(_CELL + self._inlines(cell) for cell in row)

    def _inlines(self, inlines: Iterable[doc.Inline]) -> int:
        return sum(map(self._inline, inlines))

    def _inline(self, inline: doc.Inline) -> int:
        match inline:
            case doc.Text() | doc.Code():
                return _INLINE + self._text(inline.text, _LETTER)
            case doc.LineBreak():
                return _LINE
            case _:
                return _INLINE + self._inlines(inline.children)

    def _text(self, text: str, letter: int) -> int:
        others = sum(not char.isascii() for char in text) if not text.isascii() else 0
        boxes = sum(char in self._missing for char in text) if self._missing else 0
        return (len(text) - others) * letter + others * max(letter, _OTHER_CHARACTER) + boxes * _BOX

    def beginning(self, blocks: Sequence[doc.Block], budget: int) -> Sequence[doc.Block]:
        """As many of the blocks as the budget allows, the last one cut."""
        return _filled(blocks, budget, self._block, self._cut)

    def _cut(self, block: doc.Block, budget: int) -> doc.Block | None:
        budget -= _BLOCK
        match block:
            case doc.Paragraph():
                inlines = tuple(_filled(block.inlines, budget, self._inline, self._cut_inline))
                return doc.Paragraph(inlines=inlines) if inlines else None
            case doc.CodeBlock():
                end = self._letters(block.text, budget, _code_letter(block) + _CODE_LINE)
                return block.model_copy(update={"text": block.text[:end]}) if end else None
            case doc.BulletList() | doc.NumberedList():
                items = tuple(_filled(block.items, budget, self._item, self._cut_item))
                return block.model_copy(update={"items": items}) if items else None
            case doc.Quote():
                blocks = tuple(self.beginning(block.blocks, budget))
                return doc.Quote(blocks=blocks) if blocks else None
            case doc.Table():
                rows = tuple(_filled(block.rows, budget - self._row(block.header), self._row, lambda row, left: None))
                return block.model_copy(update={"rows": rows}) if rows else None
            case _:
                return None

    def _cut_item(self, item: tuple[doc.Block, ...], budget: int) -> tuple[doc.Block, ...]:
        return tuple(self.beginning(item, budget - _ITEM))

    def _cut_inline(self, inline: doc.Inline, budget: int) -> doc.Inline | None:
        if not isinstance(inline, doc.Text):
            return None
        end = self._letters(inline.text, budget - _INLINE, _LETTER)
        return doc.Text(text=inline.text[:end]) if end else None

    def _letters(self, text: str, budget: int, letter: int) -> int:
        """How many characters the budget allows, each counted as the most expensive one in the text."""
        most_expensive = max(letter, letter if text.isascii() else _OTHER_CHARACTER) + (_BOX if self._missing else 0)
        return max(budget, 0) // most_expensive


def _code_letter(block: doc.CodeBlock) -> int:
    return _COLOURED_LETTER if block.language else _CODE_LETTER


def _filled(
    wholes: Sequence[Whole],
    budget: int,
    weight_of: Callable[[Whole], int],
    cut: Callable[[Whole, int], Whole | None],
) -> Sequence[Whole]:
    fitted: list[Whole] = []
    for whole in wholes:
        weight = weight_of(whole)
        if weight > budget:
            last = cut(whole, budget)
            return [*fitted, last] if last else fitted
        fitted.append(whole)
        budget -= weight
    return fitted


def _plainer(block: doc.Block, words: Callable[[Iterable[doc.Inline]], tuple[doc.Inline, ...]]) -> doc.Block:
    """The same in other words: headings become paragraphs, and code loses its colours."""
    match block:
        case doc.Heading() | doc.Paragraph():
            return doc.Paragraph(inlines=words(block.inlines))
        case doc.BulletList() | doc.NumberedList():
            items = tuple(tuple(_plainer(one, words) for one in item) for item in block.items)
            return block.model_copy(update={"items": items})
        case doc.Quote():
            return block.model_copy(update={"blocks": tuple(_plainer(one, words) for one in block.blocks)})
        case doc.Table():
            rows = tuple(tuple(map(words, row)) for row in block.rows)
            return block.model_copy(update={"header": tuple(map(words, block.header)), "rows": rows})
        case doc.CodeBlock():
            return block.model_copy(update={"language": ""})
        case _:
            return block


def _with_links(inlines: Iterable[doc.Inline]) -> tuple[doc.Inline, ...]:
    return joined_texts(chain.from_iterable(map(_without_styles, inlines)))


def _without_styles(inline: doc.Inline) -> Iterable[doc.Inline]:
    match inline:
        case doc.Strong() | doc.Emphasis():
            return _with_links(inline.children)
        case doc.Link():
            return [inline.model_copy(update={"children": _words(inline.children)})]
        case doc.Code():
            return [doc.Text(text=inline.text.replace("\n", " "))]
        case _:
            return [inline]


def _words(inlines: Iterable[doc.Inline]) -> tuple[doc.Inline, ...]:
    return joined_texts(
        inline if isinstance(inline, doc.LineBreak) else doc.Text(text=doc.inline_text([inline]).replace("\n", " "))
        for inline in inlines
    )


# The simplifications, in this order.
_PLAINER = {"bold type and headings": _with_links, "bold type, headings and links": _words}
