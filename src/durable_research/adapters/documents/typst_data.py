"""Turns the tree into what template.typ reads, so that every decision that needs Unicode's tables is made in Python."""

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from typing import Any

from durable_research.adapters.documents.glyphs import Glyphs
from durable_research.adapters.documents.levels import MOST_HEADINGS_IN_CONTENTS, HeadingLevels
from durable_research.adapters.documents.long_words import LONG_WORD, breakable
from durable_research.domain.documents import tree as doc
from durable_research.domain.language.direction import is_right_to_left, reads_right_to_left
from durable_research.domain.language.languages import subtags

Data = dict[str, Any]

# A page of contents helps only in a long document.
HEADINGS_FOR_CONTENTS = 3
# The highlighter's time grows faster than the text; beyond this, code is printed without colours.
LONGEST_HIGHLIGHTED = 20_000
# Typst gives up when elements are nested 64 deep, and a tagged quote is several; deeper quotes have the layout without the tag.
MOST_TAGGED_QUOTES = 3

# The regions of each script, the first where the tag names none of them.
_HAN_REGIONS = {"Hant": ("TW", "HK", "MO"), "Hans": ("CN", "SG", "MY")}
_CHINESE_LANGUAGES = {"cmn": None, "yue": "HK"}
_SCRIPT_FAMILIES = ["Noto Serif Hebrew", "Noto Naskh Arabic", "Noto Serif Devanagari", "Noto Serif Thai"]
_SYMBOL_FAMILIES = ["Noto Sans Symbols", "Noto Sans Symbols2", "Noto Sans Math", "Noto Emoji"]
_KANA = re.compile("[\u3040-\u30ff]")
_HANGUL = re.compile("[\u1100-\u11ff\uac00-\ud7af]")


def template_data(document: doc.Document, missing: Collection[str] = ()) -> Data:
    """Return plain lists and strings: the template makes no decision about text.

    Each of the `missing` characters is shown as its code point.
    """
    language, region = _typeset_language(document.language)
    rtl = is_right_to_left(document.language)
    shown_as = Glyphs(missing)
    blocks = _Blocks(rtl, shown_as)
    shown = blocks.of(document.blocks)
    facts = (*document.facts, *shown_as.fact())
    return {
        # For the file's metadata, which needs no font.
        "title": document.title,
        "heading": shown_as.runs(document.title),
        "lang": language,
        "region": region,
        "rtl": rtl,
        "families": [*_SCRIPT_FAMILIES, _cjk_family(document, language, region), *_SYMBOL_FAMILIES],
        "long": LONG_WORD,
        "contents": HEADINGS_FOR_CONTENTS <= blocks.headings <= MOST_HEADINGS_IN_CONTENTS,
        "blocks": shown,
        "footer": shown_as.runs(document.footer_label or ""),
        "facts": [[shown_as.runs(part) for part in fact] for fact in facts],
    }


def _typeset_language(tag: str) -> tuple[str, str | None]:
    """Language and region in the form that Typst accepts: regions of two letters, and no extended languages.

    A named script has precedence over the region: otherwise simplified text from Hong Kong would get traditional glyphs.
    """
    language, script, region = subtags(tag)
    extended = re.match(r"zh-(yue|cmn)(-|$)", tag, re.ASCII | re.IGNORECASE)
    language = extended[1].lower() if extended else language or "und"
    if language in _CHINESE_LANGUAGES:
        region = region or _CHINESE_LANGUAGES[language]
        language = "zh"
    if language == "zh" and script in _HAN_REGIONS and region not in _HAN_REGIONS[script]:
        region = _HAN_REGIONS[script][0]
    return language, region if region and region.isalpha() else None


def _cjk_family(document: doc.Document, language: str, region: str | None) -> str:
    """Han characters look different in each country; choose by language, then by the other scripts in the text."""
    if language == "zh":
        place = {"TW": "TC", "MO": "HK", "HK": "HK"}.get(region or "", "SC")
    elif language in ("ja", "ko"):
        place = {"ja": "JP", "ko": "KR"}[language]
    else:
        text = doc.plain_text(document)
        place = "JP" if _KANA.search(text) else "KR" if _HANGUL.search(text) else "SC"
    return f"Noto Sans CJK {place}"


class _Blocks:
    """Walks the blocks in reading order, because a heading's level depends on the ones before it."""

    def __init__(self, rtl: bool, shown_as: Glyphs) -> None:
        self.headings = 0
        self._shown_as = shown_as
        self._levels = HeadingLevels()
        self._rtl = rtl
        self._quotes = 0

    def of(self, blocks: Iterable[doc.Block]) -> list[Data]:
        # PDF/UA allows no heading without words.
        shown = (
            block for block in blocks if not isinstance(block, doc.Heading) or doc.inline_text(block.inlines).strip()
        )
        return [{"kind": block.kind, **self._block(block)} for block in shown]

    def _block(self, block: doc.Block) -> Data:
        match block:
            case doc.Heading():
                self.headings += 1
                return {"level": self._levels.place(block.level), **self._sentence(block.inlines)}
            case doc.Paragraph():
                return self._sentence(block.inlines)
            case doc.BulletList():
                return self._list(block.items)
            case doc.NumberedList():
                return {"start": block.start, **self._list(block.items)}
            case doc.Table():
                return self._table(block)
            case doc.CodeBlock():
                lang = block.language if block.language and len(block.text) <= LONGEST_HIGHLIGHTED else None
                return {"text": self._shown_as.string(block.text), "language": lang}
            case doc.Quote():
                return self._quote(block)
            case doc.Rule():
                return {}

    def _sentence(self, inlines: Iterable[doc.Inline]) -> Data:
        inlines = tuple(inlines)
        return {"runs": self._runs(inlines, {}), "rtl": reads_right_to_left(doc.inline_text(inlines), self._rtl)}

    def _list(self, items: tuple[tuple[doc.Block, ...], ...]) -> Data:
        tight = all(
            sum(not isinstance(block, doc.BulletList | doc.NumberedList) for block in item) <= 1 for item in items
        )
        return {
            "items": [self.of(item) for item in items],
            "tight": tight,
            "rtl": self._is_rtl(chain.from_iterable(items)),
        }

    def _quote(self, quote: doc.Quote) -> Data:
        tagged = self._quotes < MOST_TAGGED_QUOTES
        self._quotes += 1
        inside = self.of(quote.blocks)
        self._quotes -= 1
        return {"blocks": inside, "tagged": tagged, "rtl": self._is_rtl(quote.blocks)}

    def _table(self, table: doc.Table) -> Data:
        words = " ".join(map(doc.inline_text, table.header))
        return {
            "header": [self._runs(cell, {}) for cell in table.header],
            "alignments": list(table.alignments),
            "cells": [self._runs(cell, {}) for row in table.rows for cell in row],
            "rtl": reads_right_to_left(words, self._rtl),
        }

    def _is_rtl(self, blocks: Iterable[doc.Block]) -> bool:
        return reads_right_to_left(" ".join(map(doc.block_text, blocks)), self._rtl)

    def _runs(self, inlines: Iterable[doc.Inline], style: Data) -> list[Data]:
        """Flatten to pieces that carry their own style, so that the template needs no recursion for a sentence."""
        runs: list[Data] = []
        for inline in inlines:
            match inline:
                case doc.Text():
                    runs.extend(_with_gaps({**run, **style} for run in self._shown_as.runs(_blank(inline.text))))
                case doc.Code():
                    runs.append({"text": self._shown_as.string(_blank(inline.text)), "code": True, **style})
                case doc.LineBreak():
                    runs.append({"break": True})
                case doc.Link() if "inside_link" in style:
                    runs.extend(self._runs(inline.children, style))
                case doc.Link():
                    runs.append(
                        {"link": inline.href, "runs": self._runs(inline.children, {**style, "inside_link": True})}
                    )
                case doc.Strong():
                    runs.extend(self._runs(inline.children, {**style, "strong": True}))
                case _:
                    runs.extend(self._runs(inline.children, {**style, "emphasis": True}))
        return runs


def _with_gaps(runs: Iterable[Data]) -> Iterator[Data]:
    for run in runs:
        first, *others = breakable(run["text"]) if "text" in run else [""]
        yield {**run, "text": first} if others else run
        for piece in others:
            yield from ({"gap": True}, {**run, "text": piece})


def _blank(text: str) -> str:
    # A tab has no width in running text; the reader sees a blank either way.
    return text.replace("\t", " ").replace("\n", " ")
