"""Canonical Markdown, which `parse_markdown` parses to the same title and blocks.

Provenance and footer are not part of it. What Markdown cannot express is dropped: a line break in a heading or a table
cell becomes a blank, and emphasis where CommonMark allows no mark (as in `a**"b"**c`) is dropped.
"""

import re
from collections.abc import Iterable, Sequence

from durable_research.domain.documents import tree as doc
from durable_research.domain.documents.linking import ADDRESS_START
from durable_research.domain.documents.markdown import joined_texts, parse_blocks

_MARKS = re.compile(r"[\\`*_\[\]<>~]|&(?=[#\w])|!(?=\[|$)")
# The beginning of a text that would be parsed as an address, up to the sign that a backslash can escape.
_ADDRESSES = re.compile(ADDRESS_START + r"(https?|www|dx|doi|10)(?=[:.])", re.IGNORECASE)
_LINE_STARTS = re.compile(r"[#+=:|-]|\d{1,9}(?=[.)])")
_EDGES = {"start": "---", "left": ":---", "center": ":---:", "right": "---:"}
# Two signs for emphasis, tried in turn: inside a word or beside another mark only one of them may work.
_SIGNS = ("*_", "_*", "**", "__")


def to_markdown(document: doc.Document) -> str:
    """Write the title as the first heading, then the blocks, a blank line apart."""
    title = doc.Heading(level=1, inlines=(doc.Text(text=document.title),))
    return _blocks((title, *document.blocks), 0) + "\n"


def _blocks(blocks: Iterable[doc.Block], depth: int) -> str:
    written: list[str] = []
    before: doc.Block | None = None
    turned = False
    for block in blocks:
        # A second list right after a first of its kind needs another sign, or the two would be parsed as one.
        turned = isinstance(block, doc.BulletList | doc.NumberedList) and type(before) is type(block) and not turned
        before = block
        written.append(_block(block, depth, turned))
    return "\n\n".join(filter(None, written))


def _block(block: doc.Block, depth: int, turned: bool) -> str:
    match block:
        case doc.Heading():
            # Signs at the end would be parsed as the heading's closing mark.
            return "#" * block.level + " " + re.sub(r"(?<!\\)#+$", r"\\\g<0>", _one_line(block.inlines))
        case doc.Paragraph():
            return _sentence(block.inlines)
        case doc.BulletList():
            # Signs alternate with depth too: `- - -` would be a rule.
            return _list(block.items, ["-+"[(depth + turned) % 2]] * len(block.items), depth)
        case doc.NumberedList():
            return _list(block.items, [f"{block.start + n}{'.)'[turned]}" for n in range(len(block.items))], depth)
        case doc.Table():
            return _table(block)
        case doc.CodeBlock():
            fence = _fence(block.text, 3)
            return f"{fence}{block.language}\n{block.text}\n{fence}"
        case doc.Quote():
            return re.sub("^(?=(.?))", lambda line: "> " if line[1] else ">", _blocks(block.blocks, depth), flags=re.M)
        case doc.Rule():
            return "***"


def _list(items: Sequence[tuple[doc.Block, ...]], markers: list[str], depth: int) -> str:
    written = []
    for marker, item in zip(markers, items, strict=True):
        indent = " " * (len(marker) + 1)
        lines = _blocks(item, depth + 1).split("\n")
        written.append("\n".join([f"{marker} {lines[0]}".rstrip(), *(line and indent + line for line in lines[1:])]))
    return ("\n" if all(len(item) <= 1 for item in items) else "\n\n").join(written)


def _table(table: doc.Table) -> str:
    rows = [[_one_line(cell).replace("|", "\\|") for cell in row] for row in (table.header, *table.rows)]
    edges = [_EDGES[side] for side in table.alignments]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (rows[0], edges, *rows[1:]))


def _one_line(inlines: Iterable[doc.Inline]) -> str:
    return _sentence(_without_breaks(inlines))


def _without_breaks(inlines: Iterable[doc.Inline]) -> tuple[doc.Inline, ...]:
    return joined_texts(
        doc.Text(text=" ")
        if isinstance(inline, doc.LineBreak)
        else inline.model_copy(update={"children": _without_breaks(inline.children)})
        if isinstance(inline, doc.Emphasis | doc.Strong | doc.Link)
        else inline
        for inline in inlines
    )


def _sentence(inlines: Iterable[doc.Inline]) -> str:
    """Write with the first pair of signs that parses to the same, or without emphasis when none does."""
    expected = joined_texts(inlines)
    for signs in _SIGNS if _has_marks(expected) else ():
        written = _lines(expected, signs)
        if parse_blocks(written) == (doc.Paragraph(inlines=expected),):
            return written
    return _lines(joined_texts(_unmarked(expected)), "")


def _lines(inlines: Iterable[doc.Inline], signs: str) -> str:
    lines = _inlines(inlines, signs, 0).split("\n")
    return "\n".join(_protected_line(line) for line in lines)


def _protected_line(line: str) -> str:
    """Escape what a parser would read as a block's mark, or trim at either end of a line."""
    end = "\\" if re.search(r"(?<!\\)(\\\\)*\\$", line) else ""
    middle = line.removesuffix(end) if end else line
    stripped = middle.strip()
    if not stripped:
        return "".join(map(_entity, middle)) + end
    at = middle.index(stripped)
    head, tail = middle[:at], middle[at + len(stripped) :]
    if not head and (start := _LINE_STARTS.match(stripped)):
        cut = start.end() if start[0][0].isdigit() else 0
        stripped = f"{stripped[:cut]}\\{stripped[cut:]}"
    return "".join(map(_entity, head)) + stripped + "".join(map(_entity, tail)) + end


def _entity(char: str) -> str:
    return f"&#{ord(char)};"


def _inlines(inlines: Iterable[doc.Inline], signs: str, depth: int) -> str:
    return "".join(_inline(inline, signs, depth) for inline in inlines)


def _inline(inline: doc.Inline, signs: str, depth: int) -> str:
    match inline:
        case doc.Text():
            return _ADDRESSES.sub(r"\g<0>\\", _MARKS.sub(r"\\\g<0>", inline.text.replace("\n", " ")))
        case doc.Code():
            return _code(inline.text.replace("\n", " "))
        case doc.LineBreak():
            return "\\\n"
        case doc.Link():
            return f"[{_inlines(inline.children, signs, depth)}](<{_MARKS.sub(_escaped_mark, inline.href)}>)"
        case doc.Strong() | doc.Emphasis():
            sign = signs[depth % 2] * (2 if isinstance(inline, doc.Strong) else 1)
            return f"{sign}{_inlines(inline.children, signs, depth + 1)}{sign}"


def _escaped_mark(found: re.Match[str]) -> str:
    return f"\\{found[0]}"


def _code(text: str) -> str:
    fence = _fence(text, 1)
    padding = " " if text.strip(" ") and (text[0] in " `" or text[-1] in " `") else ""
    return f"{fence}{padding}{text}{padding}{fence}"


def _fence(text: str, shortest: int) -> str:
    return "`" * max(shortest, 1 + max(map(len, re.findall("`+", text)), default=0))


def _has_marks(inlines: Iterable[doc.Inline]) -> bool:
    return any(
        isinstance(inline, doc.Emphasis | doc.Strong) or (isinstance(inline, doc.Link) and _has_marks(inline.children))
        for inline in inlines
    )


def _unmarked(inlines: Iterable[doc.Inline]) -> Iterable[doc.Inline]:
    for inline in inlines:
        match inline:
            case doc.Emphasis() | doc.Strong():
                yield from _unmarked(inline.children)
            case doc.Link():
                yield inline.model_copy(update={"children": joined_texts(_unmarked(inline.children))})
            case _:
                yield inline
