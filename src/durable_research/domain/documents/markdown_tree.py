"""Builds the document tree from the tokens of Markdown: one rule for each kind of token."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import filterfalse, groupby
from typing import Any

from markdown_it.token import Token

from durable_research.domain.documents import tree as doc
from durable_research.domain.documents.sources import (
    destination_of,
    is_citation,
    line_ends_between_sources,
    used_labels,
    with_brackets,
)

# A wider table cannot be read on any page.
MOST_COLUMNS = 64
_LANGUAGE = re.compile(r"[\w+#.-]{1,40}(?=\s|$)")
_ALIGNMENTS: dict[str, doc.Alignment] = {
    "text-align:left": "left",
    "text-align:center": "center",
    "text-align:right": "right",
}


class TreeBuilder:
    """Reads the flat list of tokens from left to right; each method consumes the tokens of its node."""

    def __init__(self, tokens: list[Token], env: Mapping[str, Any], text: str, notes_heading: str) -> None:
        self._tokens = tokens
        self._at = 0
        self._references: Mapping[str, Mapping[str, str]] = env.get("references", {})
        self._lines = text.split("\n")
        self._used = used_labels(tokens)
        self._notes_heading = notes_heading
        self.tables_changed = 0
        self.notes: doc.Heading | None = None

    def blocks(self, until: str | None = None) -> tuple[doc.Block, ...]:
        """Take blocks up to and including the token `until`."""
        found: list[doc.Block] = []
        while self._at < len(self._tokens):
            token = self._take()
            if token.type == until:
                break
            found.extend(self._block(token))
        return tuple(found)

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _block(self, token: Token) -> Sequence[doc.Block]:
        match token.type:
            case "inline":
                inlines = self._inlines(token)
                return [doc.Paragraph(inlines=inlines)] if inlines else []
            case "heading_open":
                inlines = self._inlines(self._take())
                return [doc.Heading(level=int(token.tag[1]), inlines=inlines)] if inlines else []
            case "fence" | "code_block":
                return [_code_block(token)]
            case "hr":
                return [doc.Rule()]
            case "blockquote_open":
                inside = self.blocks("blockquote_close")
                return [doc.Quote(blocks=inside)] if inside else []
            case "bullet_list_open":
                return [doc.BulletList(items=self._items("bullet_list_close", "list_item_close"))]
            case "ordered_list_open":
                start = int(token.attrGet("start") or 1) if token.attrGet("start") != 0 else 0
                return [doc.NumberedList(start=start, items=self._items("ordered_list_close", "list_item_close"))]
            case "table_open":
                return self._table()
            case "footnote_block_open":
                notes = doc.NumberedList(items=self._items("footnote_block_close", "footnote_close"))
                self.notes = doc.Heading(level=1, inlines=(doc.Text(text=self._notes_heading),))
                return [self.notes, notes]
            case _:
                return self._definitions(token) if token.type == "definition" else []

    def _items(self, until: str, item_close: str) -> tuple[tuple[doc.Block, ...], ...]:
        items = []
        while self._take().type != until:
            items.append(self.blocks(item_close))
        return tuple(items)

    def _definitions(self, token: Token) -> Sequence[doc.Block]:
        """List definitions of links as sources, one on a line, except those that only give the address of a link's words."""
        definitions = [token]
        while self._at < len(self._tokens) and self._tokens[self._at].type == "definition":
            definitions.append(self._take())
        lines: list[doc.Inline] = []
        for one in definitions:
            # `[//]: # (words)` is a comment.
            if is_citation(one.meta["label"]) or (
                one.meta["id"] not in self._used and one.meta["url"] not in ("", "#")
            ):
                lines += [doc.LineBreak(), *self._definition(one)]
        return [doc.Paragraph(inlines=joined_texts(lines[1:]))] if lines else []

    def _definition(self, token: Token) -> Sequence[doc.Inline]:
        written, href = destination_of(token, self._lines), doc.safe_href(token.meta["url"])
        title = f"{token.meta['title']} " if token.meta["title"] else ""
        leads = doc.Link(href=href, children=(doc.Text(text=written),)) if href else doc.Text(text=written)
        return [doc.Text(text=f"[{token.meta['label']}] {title}".replace("\n", " ")), leads]

    def _table(self) -> Sequence[doc.Block]:
        rows: list[list[tuple[doc.Inline, ...]]] = []
        alignments: list[doc.Alignment] = []
        while (token := self._take()).type != "table_close":
            if token.type == "tr_open":
                rows.append([])
            elif token.type == "inline":
                rows[-1].append(self._inlines(token))
            elif token.type == "th_open":
                alignments.append(_ALIGNMENTS.get(str(token.attrGet("style")), "start"))
        return self._within_limits(rows, tuple(alignments))

    def _within_limits(
        self, rows: list[list[tuple[doc.Inline, ...]]], alignments: tuple[doc.Alignment, ...]
    ) -> Sequence[doc.Block]:
        """Return one table, several with the same header when it has too many cells for one, or text when far too wide."""
        width = len(alignments)
        if width > MOST_COLUMNS:
            self.tables_changed += 1
            return [doc.CodeBlock(text="\n".join(" | ".join(map(doc.inline_text, row)) for row in rows))]
        header, body = tuple(rows[0]), [tuple(row) for row in rows[1:]]
        at_once = doc.MOST_CELLS // width - 1
        parts = [body[start : start + at_once] for start in range(0, len(body), at_once)] or [[]]
        self.tables_changed += len(parts) > 1
        return [doc.Table(header=header, alignments=alignments, rows=tuple(part)) for part in parts]

    def _inlines(self, token: Token) -> tuple[doc.Inline, ...]:
        """Build a sentence's tree with an explicit stack, because emphasis may be nested thousands deep.

        Marks nested deeper than the limit, and links to addresses that are not allowed, become part of their parent.
        """
        children = with_brackets(token.children or (), self._references)
        source_ends = line_ends_between_sources(children)
        stack: list[list[doc.Inline]] = [[]]
        is_shown: list[bool] = []
        hrefs: list[str] = []
        for at, child in enumerate(children):
            if child.nesting == 1:
                href = doc.safe_href(str(child.attrGet("href"))) if child.type == "link_open" else ""
                # markdown-it makes an address in angle brackets a link even inside a link; no format can show that.
                is_shown.append(href is not None and len(stack) <= doc.DEEPEST and not (href and any(hrefs)))
                hrefs.append(href or "")
                if is_shown[-1]:
                    stack.append([])
            elif child.nesting == -1:
                href = hrefs.pop()
                if is_shown.pop():
                    inside = joined_texts(stack.pop())
                    stack[-1].append(_wrapped(child.type, inside, href))
            elif child.type == "softbreak":
                stack[-1].append(doc.LineBreak() if at in source_ends else doc.Text(text=" "))
            elif child.type == "image":
                stack[-1].append(doc.Text(text=doc.inline_text(self._inlines(child)).replace("\n", " ")))
            else:
                stack[-1].append(_leaf(child))
        return joined_texts(stack[0])


def _code_block(token: Token) -> doc.CodeBlock:
    language = _LANGUAGE.match(token.info.strip())
    return doc.CodeBlock(language=language[0] if language else "", text=token.content.removesuffix("\n"))


_WRAPPERS: dict[str, Callable[[tuple[doc.Inline, ...]], doc.Inline]] = {
    "em_close": lambda children: doc.Emphasis(children=children),
    "strong_close": lambda children: doc.Strong(children=children),
}


def _wrapped(closing: str, inside: tuple[doc.Inline, ...], href: str) -> doc.Inline:
    if closing == "link_close":
        # A link without words would be invisible, so its address is shown.
        return doc.Link(href=href, children=inside or (doc.Text(text=href),))
    return _WRAPPERS[closing](inside)


def _leaf(token: Token) -> doc.Inline:
    match token.type:
        case "code_inline":
            return doc.Code(text=token.content)
        case "hardbreak":
            return doc.LineBreak()
        case "footnote_ref":
            return doc.Text(text=f"[{token.meta['id'] + 1}]")
        case _:
            # A newline can come from an entity (`&#10;`); in running text it is a blank.
            return doc.Text(text=token.content.replace("\n", " "))


def joined_texts(inlines: Iterable[doc.Inline]) -> tuple[doc.Inline, ...]:
    """Join neighbouring texts and leave out empty ones, as in every tree parsed from Markdown."""
    joined: list[doc.Inline] = []
    for is_text, group in groupby(filterfalse(_is_empty, inlines), key=lambda inline: isinstance(inline, doc.Text)):
        siblings = list(group)
        joined.extend([doc.Text(text=doc.inline_text(siblings))] if is_text else siblings)
    return tuple(joined)


def _is_empty(inline: doc.Inline) -> bool:
    match inline:
        case doc.Text(text="") | doc.Code(text="") | doc.Emphasis(children=()) | doc.Strong(children=()):
            return True
        case _:
            return False
