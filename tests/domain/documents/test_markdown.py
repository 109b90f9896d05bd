"""Parsing Markdown: what becomes structure, what stays text, and that hostile input is contained."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durable_research.domain.documents import tree as doc
from durable_research.domain.documents.markdown import parse_markdown
from durable_research.domain.documents.markdown_parser import (
    MOST_BLOCK_RULES,
    MOST_MARKS,
    MOST_TOKENS,
    TooMuchWork,
    tokens_of,
)


def _blocks(text: str) -> tuple[doc.Block, ...]:
    return parse_markdown(text, "t").blocks


def _inlines(text: str) -> tuple[doc.Inline, ...]:
    (paragraph,) = _blocks(text)
    assert isinstance(paragraph, doc.Paragraph)
    return paragraph.inlines


def _paragraph(text: str) -> doc.Paragraph:
    return doc.Paragraph(inlines=(doc.Text(text=text),))


def _text(text: str) -> tuple[doc.Text]:
    return (doc.Text(text=text),)


def test_a_first_heading_becomes_the_title_and_is_not_repeated() -> None:
    document = parse_markdown("# Why *blue*?\n\nBecause.")

    assert (document.title, document.blocks) == ("Why blue?", (_paragraph("Because."),))


def test_a_first_heading_equal_to_the_title_is_not_repeated() -> None:
    document = parse_markdown("# Why?\n\nBecause.", "Why?")

    assert (document.title, document.blocks) == ("Why?", (_paragraph("Because."),))


def test_a_first_heading_other_than_the_title_stays() -> None:
    assert parse_markdown("# Part 1", "Why?").blocks == (doc.Heading(level=1, inlines=_text("Part 1")),)


def test_emphasis_strong_code_and_links_are_parsed() -> None:
    assert _inlines("a *b* **c** `d` [e](https://x.y/) <https://x.y/>") == (
        doc.Text(text="a "),
        doc.Emphasis(children=_text("b")),
        doc.Text(text=" "),
        doc.Strong(children=_text("c")),
        doc.Text(text=" "),
        doc.Code(text="d"),
        doc.Text(text=" "),
        doc.Link(href="https://x.y/", children=_text("e")),
        doc.Text(text=" "),
        doc.Link(href="https://x.y/", children=_text("https://x.y/")),
    )


def test_a_line_end_becomes_a_blank_and_after_two_blanks_a_line_break() -> None:
    assert _inlines("a\nb  \nc") == (doc.Text(text="a b"), doc.LineBreak(), doc.Text(text="c"))


def test_lists_nest_and_keep_their_start_number() -> None:
    assert _blocks("4. a\n   - b\n5. c") == (
        doc.NumberedList(
            start=4, items=((_paragraph("a"), doc.BulletList(items=((_paragraph("b"),),))), (_paragraph("c"),))
        ),
    )


def test_a_list_may_start_at_zero() -> None:
    assert _blocks("0. a") == (doc.NumberedList(start=0, items=((_paragraph("a"),),)),)


def test_a_table_keeps_alignments_and_fills_short_rows() -> None:
    assert _blocks("|a|b|\n|:-|-:|\n|1|") == (
        doc.Table(header=(_text("a"), _text("b")), alignments=("left", "right"), rows=((_text("1"), ()),)),
    )


def test_a_code_block_keeps_its_language_and_indentation() -> None:
    assert _blocks("```c++ title=x\n  a\n\n```") == (doc.CodeBlock(language="c++", text="  a\n"),)


def test_quotes_and_rules_are_parsed() -> None:
    assert _blocks("> a\n\n---") == (doc.Quote(blocks=(_paragraph("a"),)), doc.Rule())


def test_footnotes_become_numbers_and_a_notes_section() -> None:
    assert _blocks("a[^x]\n\n[^x]: b") == (
        _paragraph("a[1]"),
        doc.Heading(level=1, inlines=_text("Notes")),
        doc.NumberedList(items=((_paragraph("b"),),)),
    )


def test_raw_html_is_shown_as_text() -> None:
    assert _inlines("a <b>c</b> <script>d</script>") == _text("a <b>c</b> <script>d</script>")


def test_strikethrough_marks_are_kept_as_text() -> None:
    assert _inlines("~~not~~ this") == _text("~~not~~ this")


def test_an_image_becomes_its_description() -> None:
    assert _inlines("a ![a *sky*](https://evil.example/x.png?q=1) b") == _text("a a sky b")


@pytest.mark.parametrize("address", ["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "/local", "x.md"])
def test_a_forbidden_link_becomes_its_text(address: str) -> None:
    assert _inlines(f"a [b]({address}) c") == _text("a b c")


def test_a_link_without_text_shows_its_address() -> None:
    assert _inlines("[](https://x.y/)") == (doc.Link(href="https://x.y/", children=_text("https://x.y/")),)


def test_a_link_inside_a_link_becomes_text() -> None:
    assert _inlines("[a <https://b.c/>](https://x.y/)") == (
        doc.Link(href="https://x.y/", children=_text("a https://b.c/")),
    )


def test_a_control_character_written_as_an_entity_becomes_the_replacement_character() -> None:
    assert _inlines("a&#1;b") == _text("a\ufffdb")


def test_the_heading_above_the_notes_is_never_the_title() -> None:
    assert parse_markdown("[^1]: [^2]: a[^1]").title == "Untitled"


def test_containers_nested_beyond_the_limit_keep_their_marks_as_text() -> None:
    text = doc.plain_text(parse_markdown("> " * 25 + "deep", "t"))

    assert text == "t\n\n" + "> " * 5 + "deep"


def test_emphasis_nested_beyond_the_limit_keeps_its_words() -> None:
    text = "*a __b " * 15 + "deep" + "__*" * 15

    assert doc.plain_text(parse_markdown(text, "t")) == "t\n\n" + "a b " * 15 + "deep"


def test_a_table_with_too_many_cells_is_split_into_tables_with_the_same_header() -> None:
    document = parse_markdown("|" + "a|" * 50 + "\n|" + "-|" * 50 + "\n" + "|x|\n" * 150, "t")

    tables = [block for block in document.blocks if isinstance(block, doc.Table)]
    assert [len(table.rows) for table in tables] == [99, 51]
    assert tables[0].header == tables[1].header
    assert document.facts == (("Text", "1 table larger than a page can show, in parts or as text"),)


def test_a_table_too_wide_for_a_page_becomes_a_code_block() -> None:
    row = " | ".join(["a"] * 65)

    assert _blocks(f"|{row}|\n{'|-' * 65}|\n|{row}|\n") == (doc.CodeBlock(text=f"{row}\n{row}"),)


def test_a_text_that_is_too_long_is_cut_and_a_fact_says_so() -> None:
    document = parse_markdown("x" * 20_000_001, "t")

    assert len(doc.plain_text(document)) < 20_000_000
    assert document.facts[0][1].startswith("cut at 19,990,000 bytes; shown as it was written")


@pytest.mark.parametrize("text", ["[" * 50_000, "*a " * 30_000, "![a](" * 12_000], ids=lambda text: text[:5])
def test_a_paragraph_with_too_many_marks_is_shown_as_plain_text(text: str) -> None:
    document = parse_markdown(f"# T\n\n*one*\n\n{text}\n\n*two*")

    one, hostile, two = document.blocks
    assert (one, hostile, two) == (
        doc.Paragraph(inlines=(doc.Emphasis(children=_text("one")),)),
        _paragraph(text.strip()),
        doc.Paragraph(inlines=(doc.Emphasis(children=_text("two")),)),
    )
    assert document.facts == (
        ("Text", "1 paragraph shown as it was written: it has too many marks to be read as Markdown"),
    )


@pytest.mark.parametrize("text", ["- a\n" * 60_000, ">" * 19 + "a\n" + "b\n" * 60_000], ids=["list", "lazy quote"])
def test_a_text_with_too_many_blocks_is_shown_as_one_code_block(text: str) -> None:
    document = parse_markdown(text, "t")

    assert document.blocks == (doc.CodeBlock(text=text.strip("\n")),)
    assert document.facts == (("Text", "shown as it was written: it has too many marks to be read as Markdown"),)


_HOSTILE = {
    "emphasis": "*a ",
    "closed emphasis": "*a* ",
    "strong": "a**b",
    "brackets": "[",
    "images": "![",
    "links": "[a](",
    "references": "[a][",
    "ticks": "`a``",
    "angles": "<a ",
    "entities": "&#",
    "quotes": "> ",
    "lists": "- ",
    "footnotes": "[^1]: ",
    "definitions": "[a]: b\n",
    "open definitions": "[a\n",
    "lines": "a\n",
    "headings": "# a\n",
    "items": "1. a\n",
    "rows": "a|b\n",
    "addresses": "https://a.b/c ",
    "brackets in addresses": "https://a.b/(",
    "dots": "https://a.b/...",
    "Chinese": "**中（文）：**后",
}


@pytest.mark.parametrize("unit", _HOSTILE.values(), ids=_HOSTILE)
def test_parsing_any_text_stays_within_the_work_limit(unit: str) -> None:
    """Counted, not timed: the rules that were tried and the marks that were read."""
    text = unit * (200_000 // len(unit))
    try:
        tokens, env = tokens_of(text)
    except TooMuchWork:
        return

    assert env["work"].block_rules <= MOST_BLOCK_RULES
    assert env["work"].marks <= MOST_MARKS
    assert len(tokens) <= MOST_TOKENS


@pytest.mark.parametrize(
    "text",
    [
        ">" * 20_000,
        "- " * 20_000,
        "[" * 20_000,
        "![" * 10_000,
        "*a " * 20_000,
        "*_" * 10_000,
        "`a``" * 10_000,
        "[^1]: " * 5_000,
        "[a](" * 10_000,
        "<" * 20_000,
        "\n".join(" " * n + "- x" for n in range(500)),
    ],
    ids=lambda text: text[:8],
)
def test_hostile_nesting_is_parsed_without_a_recursion_error(text: str) -> None:
    assert parse_markdown(text).title == "Untitled"


_FRAGMENTS = ["# ", "- ", "1. ", "> ", "```", "\n", "\n\n", "    ", "\t", "*", "**", "_", "`", "[", "]", "](http://x/)"]
_FRAGMENTS += ["](javascript:x)", "![", "<b>", "&amp;", "&#10;", "|", "|-|\n", "|a|b|\n|-|:-:|\n", "---", "\\", "[^1]"]
_FRAGMENTS += ["[^1]: ", "a", "b c", "~~", "<http://a.b>", "中", "\u2028", "\x00", "\ud800", "\r", "<!--"]
anything_like_markdown = st.lists(st.sampled_from(_FRAGMENTS), max_size=30).map("".join) | st.text()


@settings(max_examples=400, deadline=None)
@given(text=anything_like_markdown, title=st.none() | st.text())
def test_any_text_is_parsed(text: str, title: str | None) -> None:
    document = parse_markdown(text, title)

    assert document.model_validate_json(document.model_dump_json()) == document
