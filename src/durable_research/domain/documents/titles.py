"""The title of a text: the requested one, or its own heading, or the question. One rule for every place that shows it."""

import re
from collections.abc import Sequence

from durable_research.domain.documents.text import has_visible_text
from durable_research.domain.documents.tree import Block, Heading, Paragraph, Strong, inline_text
from durable_research.domain.language.characters import clean_text

LONGEST_TITLE = 200
LONGEST_BEGINNING = 80
# After a greeting and a few lines about the task, a heading is that of a section.
_NEAR_THE_TOP = 12
_TITLE_LABEL = re.compile(r"^(?:report )?title\s*[:\uff1a]\s*", re.IGNORECASE)
# A heading that every report has is no title.
_OF_ANY_REPORT = re.compile(
    r"[\d.\s]*(?:(?:executive )?summary|abstract|introduction|overview|background|contents|table of contents|"
    r"摘要|引言|概述|简介|目录|はじめに|概要|서론|개요|zusammenfassung|einleitung|résumé|introducción|resumen)\W*",
    re.IGNORECASE,
)


def beginning_of(question: str) -> str:
    """The question's first line with visible text, cut to the length of a title."""
    first = next((line for line in map(_one_line, question.splitlines()) if has_visible_text(line)), "")
    return first if len(first) <= LONGEST_BEGINNING else first[: LONGEST_BEGINNING - 1].rstrip() + "…"


def title_and_rest(
    blocks: Sequence[Block], requested: str | None, question: str, no_title: Block | None = None
) -> tuple[str, tuple[Block, ...]]:
    """Choose the title, and remove the heading that repeats it from the blocks.

    A heading of level 1 near the top comes first, then a line in bold type that is the very first, then any heading near the
    top. `no_title` is a heading that this program added.
    """
    top = [block for block in blocks[:_NEAR_THE_TOP] if block is not no_title]
    requested = _one_line(requested or "")
    if has_visible_text(requested):
        repeated = next((block for block in top[:1] if _title_in(block) == requested), None)
        return requested, _without_block(blocks, repeated)
    headings = [block for block in top if isinstance(block, Heading)]
    candidates: list[Block] = [
        *(heading for heading in headings if heading.level == 1),
        *(block for block in top[:1] if isinstance(block, Paragraph)),
        *(heading for heading in headings if not _OF_ANY_REPORT.fullmatch(inline_text(heading.inlines))),
    ]
    for block in candidates:
        if title := _title_in(block):
            return title, _without_block(blocks, block)
    return beginning_of(question), tuple(blocks)


def _title_in(block: Block) -> str:
    """The words of a heading, or of a paragraph of bold type alone; empty where they are no title."""
    match block:
        case Heading() | Paragraph(inlines=(Strong(),)):
            title = _TITLE_LABEL.sub("", _one_line(inline_text(block.inlines)))
            return title if has_visible_text(title) and len(title) <= LONGEST_TITLE else ""
        case _:
            return ""


def _without_block(blocks: Sequence[Block], removed: Block | None) -> tuple[Block, ...]:
    return tuple(block for block in blocks if block is not removed)


def _one_line(text: str) -> str:
    return " ".join(clean_text(text).split())
