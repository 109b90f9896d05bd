"""Markdown, as models write it, turned into a document tree: whatever is not understood stays text.

Nothing is fetched, no HTML is kept, and hostile nesting costs no recursion: containers deeper than the limit are not
opened, so their markers and words stay in the paragraph around them. Strikethrough marks stay as written, because the
words without them would say the opposite. A footnote becomes `[n]` and an entry in a closing numbered section; a
footnote that nothing refers to is dropped, as Markdown does with link definitions.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import filterfalse, groupby

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin

from durable_research.domain.characters import clean_text, uncover_marks
from durable_research.domain.document import (
    DEEPEST,
    Alignment,
    Block,
    BulletList,
    Code,
    CodeBlock,
    Document,
    Emphasis,
    Heading,
    Inline,
    LineBreak,
    Link,
    NumberedList,
    Paragraph,
    Quote,
    Rule,
    Strong,
    Table,
    Text,
    check_size,
    inline_text,
    safe_href,
)

# The level at which markdown-it drops what follows; our own guard stops well before (a list counts twice there).
_LEVELS_OF_THE_PARSER = 3 * DEEPEST
_CONTAINERS = {
    "blockquote": ["paragraph", "reference", "blockquote", "list"],
    "list": ["paragraph", "reference", "blockquote"],
    "footnote_def": ["paragraph", "reference"],
}
_LANGUAGE = re.compile(r"[\w+#.-]{1,40}(?=\s|$)")
_ALIGNMENTS: dict[str, Alignment] = {
    "text-align:left": "left",
    "text-align:center": "center",
    "text-align:right": "right",
}


def parse_markdown(
    text: str,
    title: str | None = None,
    *,
    language: str = "en",
    footer_label: str | None = None,
    facts: Sequence[tuple[str, str]] = (),
    notes_heading: str = "Notes",
) -> Document:
    """Read CommonMark with tables and footnotes.

    A first heading of level 1 becomes the title when none is given, and is not repeated when it equals the title.

    Raises:
        DocumentError: the text or a table is larger than a document may be.
    """
    text = uncover_marks(clean_text(text))
    check_size(len(text.encode()))
    tokens = _PARSER.parse(text, {})
    blocks = _Builder(tokens, notes_heading).blocks()
    match blocks:
        # Our own heading above the notes comes first when there is nothing else; it is no title.
        case (Heading(level=1, inlines=inlines), *rest) if tokens[0].type == "heading_open":
            first = _one_line(inline_text(inlines))
            if title is None or first == _one_line(clean_text(title)):
                title, blocks = title or first, tuple(rest)
    return Document(title=title or "", language=language, blocks=blocks, footer_label=footer_label, facts=tuple(facts))


def _one_line(text: str) -> str:
    return " ".join(text.split())


BlockRule = Callable[[StateBlock, int, int, bool], bool]


def _guarded(rule: BlockRule) -> BlockRule:
    """Count the containers that are open, and let none open below the deepest level."""

    def guard(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        depth = state.env.get("depth", 0)
        if depth >= DEEPEST:
            return False
        state.env["depth"] = depth + 1
        try:
            return rule(state, start, end, silent)
        finally:
            state.env["depth"] = depth

    return guard


def _make_parser() -> MarkdownIt:
    options = {"html": False, "linkify": False, "typographer": False, "maxNesting": _LEVELS_OF_THE_PARSER}
    parser = MarkdownIt("commonmark", options).enable("table").use(footnote_plugin)
    # An inline footnote parses itself by recursion, as deep as the text asks.
    parser.disable("footnote_inline")
    rules = {rule.name: rule.fn for rule in parser.block.ruler.__rules__}
    for name, interrupted in _CONTAINERS.items():
        parser.block.ruler.at(name, _guarded(rules[name]), {"alt": interrupted})
    # Every address is let through here, so that `safe_href` decides and a refused link becomes its words.
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    return parser


_PARSER = _make_parser()


class _Builder:
    """Reads the flat list of tokens from left to right; each method takes what belongs to it."""

    def __init__(self, tokens: list[Token], notes_heading: str) -> None:
        self._tokens = tokens
        self._at = 0
        self._notes_heading = notes_heading

    def blocks(self, until: str | None = None) -> tuple[Block, ...]:
        """Take blocks up to and including the token `until`."""
        found: list[Block] = []
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

    def _block(self, token: Token) -> Sequence[Block]:
        match token.type:
            case "inline":
                inlines = _inlines(token)
                return [Paragraph(inlines=inlines)] if inlines else []
            case "heading_open":
                inlines = _inlines(self._take())
                return [Heading(level=int(token.tag[1]), inlines=inlines)] if inlines else []
            case "fence" | "code_block":
                return [_code_block(token)]
            case "hr":
                return [Rule()]
            case "blockquote_open":
                inside = self.blocks("blockquote_close")
                return [Quote(blocks=inside)] if inside else []
            case "bullet_list_open":
                return [BulletList(items=self._items("bullet_list_close", "list_item_close"))]
            case "ordered_list_open":
                start = int(token.attrGet("start") or 1) if token.attrGet("start") != 0 else 0
                return [NumberedList(start=start, items=self._items("ordered_list_close", "list_item_close"))]
            case "table_open":
                return [self._table()]
            case "footnote_block_open":
                notes = NumberedList(items=self._items("footnote_block_close", "footnote_close"))
                return [Heading(level=1, inlines=(Text(text=self._notes_heading),)), notes]
            case _:
                return []

    def _items(self, until: str, item_close: str) -> tuple[tuple[Block, ...], ...]:
        items = []
        while self._take().type != until:
            items.append(self.blocks(item_close))
        return tuple(items)

    def _table(self) -> Table:
        rows: list[list[tuple[Inline, ...]]] = []
        alignments: list[Alignment] = []
        while (token := self._take()).type != "table_close":
            if token.type == "tr_open":
                rows.append([])
            elif token.type == "inline":
                rows[-1].append(_inlines(token))
            elif token.type == "th_open":
                alignments.append(_ALIGNMENTS.get(str(token.attrGet("style")), "start"))
        return Table(header=tuple(rows[0]), alignments=tuple(alignments), rows=tuple(map(tuple, rows[1:])))


def _code_block(token: Token) -> CodeBlock:
    language = _LANGUAGE.match(token.info.strip())
    return CodeBlock(language=language[0] if language else "", text=token.content.removesuffix("\n"))


_WRAPPERS: dict[str, Callable[[tuple[Inline, ...]], Inline]] = {
    "em_close": lambda children: Emphasis(children=children),
    "strong_close": lambda children: Strong(children=children),
}


def _inlines(token: Token) -> tuple[Inline, ...]:
    """Build a sentence's tree with a stack of our own, because emphasis may be nested thousands deep.

    What is nested deeper than the limit, and a link that leads nowhere allowed, is left to its parent.
    """
    stack: list[list[Inline]] = [[]]
    kept: list[bool] = []
    hrefs: list[str] = []
    for child in token.children or ():
        if child.nesting == 1:
            href = safe_href(str(child.attrGet("href"))) if child.type == "link_open" else ""
            # markdown-it lets an address in angle brackets be a link inside a link; no format can show that.
            kept.append(href is not None and len(stack) <= DEEPEST and not (href and any(hrefs)))
            hrefs.append(href or "")
            if kept[-1]:
                stack.append([])
        elif child.nesting == -1:
            href = hrefs.pop()
            if kept.pop():
                inside = joined_texts(stack.pop())
                stack[-1].append(_wrapped(child.type, inside, href))
        else:
            stack[-1].append(_leaf(child))
    return joined_texts(stack[0])


def _wrapped(closing: str, inside: tuple[Inline, ...], href: str) -> Inline:
    if closing == "link_close":
        # A link without words would be invisible; its address is all there is to show.
        return Link(href=href, children=inside or (Text(text=href),))
    return _WRAPPERS[closing](inside)


def _leaf(token: Token) -> Inline:
    match token.type:
        case "code_inline":
            return Code(text=token.content)
        case "hardbreak":
            return LineBreak()
        case "softbreak":
            return Text(text=" ")
        case "image":
            return Text(text=inline_text(_inlines(token)).replace("\n", " "))
        case "footnote_ref":
            return Text(text=f"[{token.meta['id'] + 1}]")
        case _:
            # A newline can still come from an entity (`&#10;`); in running text it is a blank.
            return Text(text=token.content.replace("\n", " "))


def joined_texts(inlines: Iterable[Inline]) -> tuple[Inline, ...]:
    """Join neighbouring texts and leave out what is empty, as every tree read from Markdown is."""
    joined: list[Inline] = []
    for is_text, group in groupby(filterfalse(_is_empty, inlines), key=lambda inline: isinstance(inline, Text)):
        siblings = list(group)
        joined.extend([Text(text=inline_text(siblings))] if is_text else siblings)
    return tuple(joined)


def _is_empty(inline: Inline) -> bool:
    match inline:
        case Text(text="") | Code(text="") | Emphasis(children=()) | Strong(children=()):
            return True
        case _:
            return False
