"""markdown-it, configured for texts of models: hostile ones cost bounded work, and addresses and sources become visible.

Every attempted rule counts; a text that needs more than any report does ends in `TooMuchWork`, and a single paragraph
that does stays as it was written. Counting gives the same document on every machine, which a clock would not.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin

from durable_research.domain.documents.linking import ADDRESS_START, address_at
from durable_research.domain.documents.tree import DEEPEST

# The level at which markdown-it drops the rest; our guard stops well before (a list counts twice there).
_LEVELS_OF_THE_PARSER = 3 * DEEPEST
_CONTAINERS = {"blockquote", "list", "footnote_def"}
# A hundred real reports tried at most 614 block rules for each kB; the busiest of 44 kB had 965 marks.
MOST_BLOCK_RULES = 300_000
MOST_MARKS = 60_000
MOST_MARKS_OF_A_BLOCK = 10_000
MOST_TOKENS = 40_000

BlockRule = Callable[[StateBlock, int, int, bool], bool]


class TooMuchWork(Exception):
    """The text, or one paragraph of it, would take longer to parse than any report does."""


@dataclass
class Work:
    """The cost so far of parsing one text. `plain_paragraphs` counts the paragraphs with too many marks."""

    block_rules: int = 0
    marks: int = 0
    plain_paragraphs: int = 0
    depth: int = 0
    _marks_allowed: int = field(default=0, init=False)

    def try_block_rule(self) -> None:
        self.block_rules += 1
        if self.block_rules > MOST_BLOCK_RULES:
            raise TooMuchWork

    def begin_block(self) -> None:
        self._marks_allowed = min(MOST_MARKS, self.marks + MOST_MARKS_OF_A_BLOCK)

    def read_marks(self, count: int) -> None:
        self.marks += count
        if self.marks > self._marks_allowed:
            raise TooMuchWork


def tokens_of(text: str) -> tuple[list[Token], dict[str, Any]]:
    """Return the tokens, and the environment of the parser (references, `work`).

    Raises:
        TooMuchWork: the whole text would take too long to parse.
    """
    env: dict[str, Any] = {"work": Work()}
    tokens = _PARSER.parse(text, env)
    if len(tokens) > MOST_TOKENS:
        raise TooMuchWork
    return tokens, env


def _counted(rule: BlockRule) -> BlockRule:
    def counted(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        state.env["work"].try_block_rule()
        return rule(state, start, end, silent)

    return counted


def _guarded(rule: BlockRule) -> BlockRule:
    """Count the open containers, and open none below the deepest level."""

    def guard(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        work: Work = state.env["work"]
        if work.depth >= DEEPEST:
            return False
        work.depth += 1
        try:
            return rule(state, start, end, silent)
        finally:
            work.depth -= 1

    return guard


def _inline(state: StateCore) -> None:
    """Parse each paragraph's marks, as markdown-it's own rule does, within its share of the work."""
    work: Work = state.env["work"]
    for token in state.tokens:
        if token.type != "inline":
            continue
        token.children = []
        work.begin_block()
        try:
            work.read_marks(1 + len(_PARSER.inline.terminator_re.findall(token.content)))
            state.md.inline.parse(token.content, state.md, state.env, token.children)
        except TooMuchWork:
            work.plain_paragraphs += 1
            work.marks = min(work.marks, MOST_MARKS)
            token.children = _plain(token.content)


def _plain(content: str) -> list[Token]:
    """The lines of a paragraph as the text has them."""
    tokens: list[Token] = []
    for line in content.split("\n"):
        tokens += [Token("text", "", 0, content=line), Token("softbreak", "br", 0)]
    return tokens[:-1]


def _address(state: StateInline, silent: bool) -> bool:
    """Read an address before the marks that it may contain."""
    if state.linkLevel or not _ADDRESS_START.match(state.src, state.pos):
        return False
    address = address_at(state.src, state.pos, state.posMax)
    if address is None:
        return False
    if not silent:
        state.push("link_open", "a", 1).attrs = {"href": state.md.normalizeLink(address.href)}
        state.push("text", "", 0).content = address.shown
        state.push("link_close", "a", -1)
    state.pos += address.length
    return True


def _list_unused_notes(state: StateCore) -> None:
    """List footnotes without a reference after the others: they are sources too."""
    notes = state.env.get("footnotes", {})
    for key, number in notes.get("refs", {}).items():
        if number < 0:
            notes["refs"][key] = len(notes["list"])
            notes["list"][notes["refs"][key]] = {"label": key[1:], "count": 0}


def _make_parser() -> MarkdownIt:
    options = {
        "html": False,
        "linkify": False,
        "typographer": False,
        "maxNesting": _LEVELS_OF_THE_PARSER,
        "inline_definitions": True,
        "store_labels": True,
    }
    parser = MarkdownIt("commonmark", options).enable("table").use(footnote_plugin)
    # An inline footnote is parsed by recursion, as deep as the text nests it.
    parser.disable("footnote_inline")
    for rule in parser.block.ruler.__rules__:
        fn = _guarded(rule.fn) if rule.name in _CONTAINERS else rule.fn
        parser.block.ruler.at(rule.name, _counted(fn), {"alt": rule.alt})
    parser.core.ruler.at("inline", _inline)
    parser.core.ruler.before("footnote_tail", "unused_notes", _list_unused_notes)
    parser.inline.ruler.before("newline", "address", _address)
    parser.inline.terminator_re = re.compile(f"{parser.inline.terminator_re.pattern}|{ADDRESS_START}")
    skip = parser.inline.skipToken

    def skip_token(state: StateInline) -> None:
        state.env["work"].read_marks(1)
        skip(state)

    parser.inline.skipToken = skip_token  # type: ignore[method-assign]
    # Every address passes here, so that `safe_href` decides and a refused link becomes its words.
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    return parser


_ADDRESS_START = re.compile(ADDRESS_START)
_PARSER = _make_parser()
