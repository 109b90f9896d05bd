"""How models write their sources: one on a line, `[1]` before each, or as Markdown's own definitions of links."""

import re
from collections.abc import Mapping, Sequence

from markdown_it.common.utils import normalizeReference
from markdown_it.token import Token

# `[1]`, `[^1]`, `【1】`, `(1)`, `1)`, `1.`, `¹` and the bullets that Markdown does not know.
_MARK = re.compile(
    r"\s*(?:\[\^?[A-Za-z]{0,4}\d{1,4}[a-z]?\]|【\d[^】]{0,20}】|\(\d{1,3}\)|\d{1,3}[.)]\s|[¹²³⁰-⁹]|[•‣◦▪▫●○■□►▶·∙]\s?)"
)
_CITATION = re.compile(r"\^?[A-Za-z]{0,4}\d{1,4}[a-z]?")
_DESTINATION = re.compile(r"\]:\s*<?([^\s>]+)")


def is_citation(label: str) -> bool:
    """Whether a label stands for a source by its number, as `[1]` and `[S2]` do."""
    return bool(_CITATION.fullmatch(label))


def line_ends_between_sources(children: Sequence[Token]) -> set[int]:
    """The places among the children of the line ends that separate one source from the next.

    In Markdown a line end is a blank. In a list of sources without list markers nothing else separates them: each line begins
    with a mark of its own, or has an address.
    """
    ends = [at for at, child in enumerate(children) if child.type == "softbreak"]
    if not ends:
        return set()
    lines = [
        children[first:last]
        for first, last in zip([0, *(end + 1 for end in ends)], [*ends, len(children)], strict=True)
    ]
    marked = [bool(_MARK.match(_words(line))) for line in lines]
    if all(any(child.type == "link_open" for child in line) for line in lines) or marked.count(True) > 1 or marked[0]:
        first = marked.index(True) if True in marked else 0
        return {end for number, end in enumerate(ends, start=1) if number >= first}
    return {end for number, end in enumerate(ends, start=1) if marked[number] or _begins_with_address(lines[number])}


def _words(line: Sequence[Token]) -> str:
    """The visible beginning of a line."""
    words = ""
    for child in line:
        if child.type == "footnote_ref":
            words += f"[^{child.meta['label'] if is_citation(child.meta['label']) else 1}]"
        else:
            words += child.content
        if len(words.lstrip()) > 30:
            break
    return words


def _begins_with_address(line: Sequence[Token]) -> bool:
    return next((child.type == "link_open" for child in line if child.type != "text" or child.content.strip()), False)


def with_brackets(children: Sequence[Token], references: Mapping[str, Mapping[str, str]]) -> Sequence[Token]:
    """Restore the brackets around numbers of sources, which Markdown removes when a definition has their address.

    `[1][2]` are two sources; Markdown reads them as the word "1" with a link to the second.
    """
    found = list(children)
    for at in range(len(children) - 2, 0, -1):
        opening, inside, closing = children[at - 1 : at + 2]
        label = opening.meta.get("label", "") if opening.type == "link_open" else ""
        if not (
            closing.type == "link_close"
            and inside.type == "text"
            and is_citation(label)
            and is_citation(inside.content)
        ):
            continue
        found[at] = _text(f"[{inside.content}]")
        first = normalizeReference(inside.content)
        if first != label and first in references:
            opening_first = Token("link_open", "a", 1, attrs={"href": references[first]["href"]}, meta={"label": first})
            found[at - 1 : at + 1] = [opening_first, found[at], closing, opening, _text(f"[{label}]")]
    return found


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def destination_of(definition: Token, lines: Sequence[str]) -> str:
    """The address of a definition as the text has it; markdown-it stores it encoded."""
    first, last = definition.map or (0, 0)
    written = _DESTINATION.search(" ".join(lines[first:last]))
    return written[1] if written else str(definition.meta["url"])


def used_labels(tokens: Sequence[Token]) -> set[str]:
    """The labels of the definitions that links use."""
    links = (child for token in tokens for child in token.children or () if child.type == "link_open")
    return {link.meta["label"] for link in links if "label" in link.meta}
