"""PDF by Typst: markup in text is literal, every script is typeset, and the same document gives the same bytes."""

import io
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from durable_research.adapters.documents.typst import TypstRenderer
from durable_research.domain.documents import tree as doc
from durable_research.domain.documents.markdown import parse_markdown


def _document(text: str) -> doc.Document:
    return doc.Document(title="Title", blocks=(doc.Paragraph(inlines=(doc.Text(text=text),)),))


def _text_of(text: str) -> tuple[doc.Text]:
    return (doc.Text(text=text),)


async def _pdf(renderer: TypstRenderer, document: doc.Document) -> PdfReader:
    return PdfReader(io.BytesIO((await renderer.render(document)).content))


async def _shown(renderer: TypstRenderer, document: doc.Document) -> str:
    """All the text of all pages, its lines joined."""
    pages = (await _pdf(renderer, document)).pages
    return " ".join(" ".join(page.extract_text().split()) for page in pages)


def _links(reader: PdfReader) -> list[str]:
    annotations = (annotation.get_object() for page in reader.pages for annotation in page.get("/Annots", []))
    return [note["/A"]["/URI"] for note in annotations if "/URI" in note.get("/A", {})]


@pytest.mark.parametrize(
    "text",
    [
        "AT&T",
        "x < y",
        "List<String>",
        '#import "x"',
        "$x$",
        "#eval(1)",
        "*a* _b_ `c`",
        "= no heading",
        "- no item",
        "<label> @ref",
        "\\n \\u{41}",
        "// no comment",
        "/* nor this */",
        "https://x.y/",
        "{{7*7}} ${7*7} %s",
        "--- ...",
        "\"quotes\" 'stay'",
        "~",
        "[[getattr(pow,1)]]",
        '#read("/etc/hostname")',
        "</p><script>",
    ],
)
async def test_markup_characters_in_text_are_typeset_literally(renderer: TypstRenderer, text: str) -> None:
    assert f"Title {text} 1 of 1" in await _shown(renderer, _document(text))


async def test_markup_characters_in_code_are_typeset_literally(renderer: TypstRenderer) -> None:
    code = 'List<String> x; #import "y" $z$ `a` ```'
    document = doc.Document(title="Title", blocks=(doc.CodeBlock(language="java", text=code),))

    assert code in await _shown(renderer, document)


@pytest.mark.parametrize(
    "text",
    ["Ünïcödé ﬁ", "Ελληνικά", "Кириллица", "中文", "日本語", "한국어", "हिन्दी", "→ ≤ ∑ ✓ ★", "😀 🚀", "𝕏 ⅓ №"],
)
async def test_text_of_every_script_can_be_copied_from_the_pdf(renderer: TypstRenderer, text: str) -> None:
    assert text.replace("ﬁ", "") in (await _shown(renderer, _document(text))).replace("ﬁ", "")


@pytest.mark.parametrize("text", ["שלום", "مرحبا"])
async def test_right_to_left_text_is_aligned_to_the_right(renderer: TypstRenderer, text: str) -> None:
    left_edges: list[float] = []

    def note(text: str, page: list[float], line: list[float], _font: object, _size: object) -> None:
        if any("\u0590" <= char <= "\u06ff" for char in text):
            left_edges.append(page[4] + page[0] * line[4])

    page = (await _pdf(renderer, _document(text))).pages[0]
    page.extract_text(visitor_text=note)

    assert left_edges
    assert min(left_edges) > float(page.mediabox.width) / 2


async def test_a_link_of_the_pdf_has_the_documents_address(renderer: TypstRenderer) -> None:
    reader = await _pdf(renderer, parse_markdown("[a **b**](https://x.y/?c=d&e)"))

    assert set(_links(reader)) == {"https://x.y/?c=d&e"}


async def test_a_forbidden_link_is_typeset_as_text(renderer: TypstRenderer) -> None:
    reader = await _pdf(renderer, parse_markdown("[click](javascript:alert(1)) ![sky](https://evil.example/x.png)"))

    assert (_links(reader), "click sky" in reader.pages[0].extract_text()) == ([], True)


async def test_an_address_in_plain_text_is_no_link(renderer: TypstRenderer) -> None:
    assert _links(await _pdf(renderer, _document("https://evil.example/"))) == []


async def test_the_pdf_metadata_has_title_and_language(renderer: TypstRenderer) -> None:
    reader = await _pdf(renderer, doc.Document(title="Größe <1>", language="de-CH"))
    root: Any = reader.trailer["/Root"]

    assert (reader.metadata and reader.metadata.title, root["/Lang"]) == ("Größe <1>", "de-CH")


async def test_the_pdf_is_tagged_for_screen_readers(renderer: TypstRenderer) -> None:
    root: Any = (await _pdf(renderer, _document("a"))).trailer["/Root"]

    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_data()


async def test_the_pdf_holds_no_creation_date(renderer: TypstRenderer) -> None:
    rendered = await renderer.render(_document("a"))

    assert b"CreationDate" not in rendered.content


async def test_every_page_is_numbered_and_carries_the_label(renderer: TypstRenderer) -> None:
    document = parse_markdown("word " * 2_000, footer_label="Demo text")

    pages = [" ".join(page.extract_text().split()) for page in (await _pdf(renderer, document)).pages]

    assert [f"Demo text {n} of {len(pages)}" in page for n, page in enumerate(pages, start=1)] == [True] * len(pages)


async def test_the_number_of_pages_is_returned(renderer: TypstRenderer) -> None:
    rendered = await renderer.render(parse_markdown("word " * 2_000))

    assert rendered.pages == len(PdfReader(io.BytesIO(rendered.content)).pages) > 1


async def test_three_headings_produce_a_table_of_contents(renderer: TypstRenderer) -> None:
    assert "Contents A" in await _shown(renderer, parse_markdown("# T\n\n## A\n\n## B\n\n## C"))


async def test_two_headings_produce_no_table_of_contents(renderer: TypstRenderer) -> None:
    assert "Contents" not in await _shown(renderer, parse_markdown("# T\n\n## A\n\n## B"))


async def test_skipped_heading_levels_are_closed_up(renderer: TypstRenderer) -> None:
    reader = await _pdf(renderer, parse_markdown("# T\n\n##### A\n\n###### B\n\n# C"))

    # A nested list follows the entry that it is under.
    assert [entry if isinstance(entry, list) else entry.title for entry in reader.outline][::2] == ["A", "C"]


async def test_fact_values_are_left_to_right_in_every_language(renderer: TypstRenderer) -> None:
    document = doc.Document(
        title="T", language="ar", facts=(("Tokens", "1,234 in, 5,678 out"), ("Asked", "2026-11-28 00:00 UTC"))
    )

    shown = await _shown(renderer, document)

    assert "1,234 in, 5,678 out" in shown
    assert "2026-11-28 00:00 UTC" in shown


async def test_facts_are_printed_at_the_end(renderer: TypstRenderer) -> None:
    document = doc.Document(title="Title", facts=(("Model", "gpt #1"), ("Tokens", "1,234")))

    assert "Provenance Fact Value Model gpt #1 Tokens 1,234" in await _shown(renderer, document)


async def test_the_same_document_gives_the_same_bytes_in_another_process(renderer: TypstRenderer) -> None:
    document = parse_markdown(
        "# T\n\n## A\n\nwords 中文 😀\n\n|a|\n|-|\n|b|\n\n```py\nx = 1\n```\n", facts=[("a", "b")]
    )
    other = TypstRenderer()

    first, second, third = [await one.render(document) for one in (renderer, renderer, other)]
    await other.close()

    assert first == second == third


def _everywhere(text: str) -> doc.Document:
    """The text in every place of a document."""
    words = _text_of(text)
    inlines = (doc.Link(href="https://x.y/", children=words), doc.Strong(children=words), doc.Code(text=text))
    table = doc.Table(header=(words,), alignments=("start",), rows=((words,),))
    blocks = (doc.Heading(level=1, inlines=words), doc.Paragraph(inlines=inlines), table, doc.CodeBlock(text=text))
    return doc.Document(title=f"T {text}", blocks=blocks, footer_label=text, facts=((text, text),))


@pytest.mark.parametrize(
    ("text", "code_point", "script"),
    [
        ("ঢ", "U+09A2", "Bengali"),
        ("த", "U+0BA4", "Tamil"),
        ("አ", "U+12A0", "Ethiopic"),
        ("\U00010380", "U+10380", "Ugaritic"),
        ("\ue000", "U+E000", "private use"),
        ("\u0378", "U+0378", "unassigned"),
    ],
)
async def test_a_character_without_a_glyph_is_shown_as_its_code_point_and_noted(
    renderer: TypstRenderer, text: str, code_point: str, script: str
) -> None:
    shown = await _shown(renderer, _everywhere(text))

    # Title, heading, contents of the page, table, code, footer, facts.
    assert shown.count(code_point) == 11
    assert f"1 character has no glyph in the fonts of this file, shown as code points: {script}" in shown


async def test_the_pdf_metadata_title_keeps_characters_without_a_glyph(renderer: TypstRenderer) -> None:
    reader = await _pdf(renderer, doc.Document(title="বাংলা"))

    assert reader.metadata is not None
    assert reader.metadata.title == "বাংলা"


async def test_an_accent_that_only_another_font_has_is_shown_as_its_code_point(renderer: TypstRenderer) -> None:
    with_its_letter, with_a_tick = "ກ\u0eb4", "✓\u0eb4"

    shown = [await _shown(renderer, _document(text)) for text in (with_its_letter, with_a_tick)]

    assert ["U+0EB4" in one for one in shown] == [False, True]
    assert "✓" in shown[1]


_INVISIBLE = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp", "Zs"}


def _every_odd_character() -> str:
    """Each character that shows nothing or means nothing: controls, formats, private and forbidden code points, marks."""
    chosen = (chr(n) for n in range(0x110000) if not 0xE100 < n < 0xF800 and not 0xF0100 < n < 0x10FF00)
    odd = (one for one in chosen if unicodedata.category(one) in _INVISIBLE or _is_forbidden(ord(one)))
    return "".join((*odd, *map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))))


def _is_forbidden(code_point: int) -> bool:
    """Whether Unicode reserves it for no character at all."""
    return code_point & 0xFFFE == 0xFFFE or 0xFDD0 <= code_point <= 0xFDEF


async def test_invisible_private_and_forbidden_characters_do_not_fail_the_rendering(renderer: TypstRenderer) -> None:
    odd = _every_odd_character()

    alone, beside = odd, "".join(f"a{one}b " for one in odd)

    assert [(await renderer.render(_document(text))).pages > 0 for text in (alone, beside)] == [True, True]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60))
async def test_any_text_is_typeset(renderer: TypstRenderer, text: str) -> None:
    assert (await renderer.render(_everywhere(text))).pages >= 1


async def test_a_very_long_word_is_broken_and_can_be_copied_out(renderer: TypstRenderer) -> None:
    pages = (await _pdf(renderer, _document("x" * 200_000))).pages

    assert sum(page.extract_text().count("x") for page in pages) == 200_000


async def test_a_long_word_does_not_run_over_the_page_edge(renderer: TypstRenderer) -> None:
    cell = _text_of("0123456789abcdef" * 8)
    table = doc.Table(header=(_text_of("a"), _text_of("b")), alignments=("start", "start"), rows=((cell, cell),))

    page = (await _pdf(renderer, doc.Document(title="T", blocks=(table, doc.CodeBlock(text="y" * 500))))).pages[0]

    # A line of code has room for 90 characters, a cell of two for 45.
    assert max(map(len, page.extract_text().split("\n"))) <= 95


async def test_a_table_of_300_rows_repeats_its_head_on_every_page(renderer: TypstRenderer) -> None:
    row = tuple(_text_of("cell") for _ in range(4))
    table = doc.Table(header=tuple(_text_of("Head") for _ in range(4)), alignments=("left",) * 4, rows=(row,) * 300)

    pages = (await _pdf(renderer, doc.Document(title="T", blocks=(table,)))).pages

    assert [page.extract_text().count("Head") for page in pages] == [4] * len(pages)


@pytest.mark.parametrize(
    "around",
    [lambda block: doc.Quote(blocks=(block,)), lambda block: doc.BulletList(items=((block,),))],
    ids=["quotes", "lists"],
)
async def test_the_deepest_nesting_allowed_can_be_typeset(
    renderer: TypstRenderer, around: Callable[[doc.Block], doc.Block]
) -> None:
    block: doc.Block = doc.CodeBlock(text="deep")
    for _ in range(doc.DEEPEST):
        block = around(block)

    assert "deep" in await _shown(renderer, doc.Document(title="T", blocks=(block,)))


async def test_empty_blocks_can_be_typeset(renderer: TypstRenderer) -> None:
    empty = (
        doc.Paragraph(inlines=()),
        doc.Heading(level=3, inlines=()),
        doc.BulletList(items=((),)),
        doc.Quote(blocks=()),
        doc.CodeBlock(text=""),
    )
    table = doc.Table(header=((),), alignments=("start",))
    link = doc.Paragraph(inlines=(doc.Link(href="https://x.y/", children=()),))

    assert (await renderer.render(doc.Document(title="T", blocks=(*empty, table, link)))).pages == 1
