"""HTML for the pages: a fragment without active content."""

import re
import unicodedata
from collections.abc import Iterable
from html import escape

import nh3

from durable_research.adapters.documents.levels import HeadingLevels
from durable_research.domain.documents import tree as doc
from durable_research.domain.language.direction import is_right_to_left

_LOWEST_HEADING = 6
_LONGEST_SLUG = 60
_HEADINGS = {f"h{level}" for level in range(1, 7)}
_PLAIN_TAGS = {
    "p",
    "ul",
    "em",
    "strong",
    "pre",
    "blockquote",
    "hr",
    "br",
    "table",
    "thead",
    "tbody",
    "tr",
    "footer",
    "bdi",
}
_SIDES = {"align-left", "align-center", "align-right"}
_TAGS = _HEADINGS | _PLAIN_TAGS | {"article", "section", "dl", "dt", "dd", "ol", "li", "th", "td", "code", "a"}
_ATTRIBUTES = {
    "*": {"dir"},
    "article": {"lang"},
    "ol": {"start"},
    "th": {"scope"},
    "code": {"class"},
    "a": {"href"},
    **{heading: {"id"} for heading in _HEADINGS},
}


def to_html(document: doc.Document) -> str:
    """Return an `article` without the title, which is the page's own h1; sections start at h2.

    The text is escaped as it is written; the allow-list at the end is a second protection, against our own mistakes.
    """
    body = _Writer().article(document)
    return nh3.clean(
        body,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        allowed_classes={"th": _SIDES, "td": _SIDES},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )


class _Writer:
    def __init__(self) -> None:
        self._levels = HeadingLevels()
        self._slugs: set[str] = set()

    def article(self, document: doc.Document) -> str:
        # Lists and tables have the direction of the document; each sentence has its own.
        side = ' dir="rtl"' if is_right_to_left(document.language) else ""
        parts = [f'<article lang="{escape(document.language)}"{side}>', self._blocks(document.blocks)]
        if document.facts:
            # A value is our words and figures; within a text from right to left they would be reordered.
            pairs = (
                f'<dt>{escape(name)}</dt><dd><bdi dir="ltr">{escape(value)}</bdi></dd>'
                for name, value in document.facts
            )
            heading = self._heading(doc.Heading(level=1, inlines=(doc.Text(text="Provenance"),)))
            parts.append(f"<section>{heading}<dl>{''.join(pairs)}</dl></section>")
        if document.footer_label:
            parts.append(f"<footer><p>{escape(document.footer_label)}</p></footer>")
        return "\n".join([*parts, "</article>"])

    def _blocks(self, blocks: Iterable[doc.Block]) -> str:
        return "\n".join(map(self._block, blocks))

    def _block(self, block: doc.Block) -> str:
        match block:
            case doc.Heading():
                return self._heading(block)
            case doc.Paragraph():
                return f'<p dir="auto">{_sentence(block.inlines)}</p>'
            case doc.BulletList():
                return f"<ul>{self._items(block.items)}</ul>"
            case doc.NumberedList():
                start = "" if block.start == 1 else f' start="{block.start}"'
                return f"<ol{start}>{self._items(block.items)}</ol>"
            case doc.Table():
                return _table(block)
            case doc.CodeBlock():
                language = f' class="language-{escape(block.language)}"' if block.language else ""
                # A browser drops one newline after <pre>; this one preserves the first newline of the code.
                return f'<pre dir="ltr"><code{language}>{escape(block.text)}\n</code></pre>'
            case doc.Quote():
                return f'<blockquote dir="auto">{self._blocks(block.blocks)}</blockquote>'
            case doc.Rule():
                return "<hr>"

    def _items(self, items: Iterable[tuple[doc.Block, ...]]) -> str:
        return "".join(f'<li dir="auto">{self._item(item)}</li>' for item in items)

    def _item(self, item: tuple[doc.Block, ...]) -> str:
        match item:
            case (doc.Paragraph(inlines=inlines), *rest) if not any(isinstance(block, doc.Paragraph) for block in rest):
                return _sentence(inlines) + self._blocks(rest)
            case _:
                return self._blocks(item)

    def _heading(self, heading: doc.Heading) -> str:
        tag = f"h{min(self._levels.place(heading.level) + 1, _LOWEST_HEADING)}"
        slug = self._slug(doc.inline_text(heading.inlines))
        return f'<{tag} id="{slug}" dir="auto">{_sentence(heading.inlines)}</{tag}>'

    def _slug(self, text: str) -> str:
        """Name the heading for links; the prefix avoids collisions with the page's own ids and JavaScript's names."""
        words = re.sub(r"\W+", "-", unicodedata.normalize("NFKC", text).casefold())[:_LONGEST_SLUG].strip("-_")
        base = f"section-{words}" if words else "section"
        slug, number = base, 1
        while slug in self._slugs:
            number += 1
            slug = f"{base}-{number}"
        self._slugs.add(slug)
        return slug


def _table(table: doc.Table) -> str:
    sides = [f' class="align-{side}"' if side != "start" else "" for side in table.alignments]
    head = "".join(
        f'<th scope="col" dir="auto"{side}>{_sentence(cell)}</th>'
        for side, cell in zip(sides, table.header, strict=True)
    )
    rows = (
        "".join(f'<td dir="auto"{side}>{_sentence(cell)}</td>' for side, cell in zip(sides, row, strict=True))
        for row in table.rows
    )
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _sentence(inlines: Iterable[doc.Inline]) -> str:
    return "".join(map(_inline, inlines))


def _inline(inline: doc.Inline) -> str:
    match inline:
        case doc.Text():
            return escape(inline.text)
        case doc.Code():
            return f"<code>{escape(inline.text)}</code>"
        case doc.LineBreak():
            return "<br>"
        case doc.Link():
            return f'<a href="{escape(inline.href)}">{_sentence(inline.children)}</a>'
        case doc.Strong():
            return f"<strong>{_sentence(inline.children)}</strong>"
        case doc.Emphasis():
            return f"<em>{_sentence(inline.children)}</em>"
