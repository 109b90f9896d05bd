"""The document tree: the values it accepts, on which every adapter may rely."""

import pytest
from pydantic import ValidationError

from durable_research.domain.documents import tree as doc
from durable_research.domain.errors import DocumentError


def _paragraphs(*texts: str) -> tuple[doc.Paragraph, ...]:
    return tuple(doc.Paragraph(inlines=(doc.Text(text=text),)) for text in texts)


def _one_of_each() -> doc.Document:
    words: tuple[doc.Inline, ...] = (
        doc.Text(text="plain "),
        doc.Emphasis(children=(doc.Strong(children=(doc.Text(text="both"),)),)),
        doc.LineBreak(),
        doc.Code(text="x < y"),
        doc.Link(href="https://example.com/", children=(doc.Text(text="there"),)),
    )
    return doc.Document(
        title="All of it",
        language="de-CH",
        blocks=(
            doc.Heading(level=2, inlines=words),
            doc.Paragraph(inlines=words),
            doc.BulletList(items=(_paragraphs("a"), _paragraphs("b", "c"))),
            doc.NumberedList(start=3, items=(_paragraphs("d"),)),
            doc.Table(header=((doc.Text(text="h"),),), alignments=("right",), rows=(((doc.Text(text="v"),),),)),
            doc.CodeBlock(language="python", text="print()"),
            doc.Quote(blocks=_paragraphs("said")),
            doc.Rule(),
        ),
        footer_label="Demo",
        facts=(("Model", "none"),),
    )


def test_a_document_survives_a_json_round_trip() -> None:
    document = _one_of_each()

    assert doc.Document.model_validate_json(document.model_dump_json()) == document


def test_plain_text_is_the_title_and_every_word_in_reading_order() -> None:
    words = "plain both\nx < ythere"

    assert doc.plain_text(_one_of_each()) == "\n\n".join(
        ["All of it", words, words, "a\nb\nc", "d", "h\nv", "print()", "said", ""]
    )


def test_a_document_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        _one_of_each().title = "Other"  # type: ignore[misc]


def test_control_characters_are_dropped_but_newline_and_tab() -> None:
    assert doc.CodeBlock(text="a\x00\x1b\x85\x7f\tb\r\nc").text == "a\tb\nc"


def test_a_lone_surrogate_becomes_the_replacement_character() -> None:
    assert doc.Text(text="a\ud800b").text == "a\ufffdb"


def test_line_breaks_in_a_title_become_blanks() -> None:
    assert doc.Document(title=" two\n lines ").title == "two lines"


def test_a_blank_title_becomes_untitled() -> None:
    assert doc.Document(title=" \n").title == "Untitled"


@pytest.mark.parametrize("address", ["http://a", "HTTPS://a/b?c=d", "mailto:me@example.com", " ht\ttp://a"])
def test_a_link_may_have_a_web_or_mailto_address(address: str) -> None:
    assert doc.safe_href(address) == address.strip().replace("\t", "")


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "java\tscript:alert(1)",
        "\x01javascript:x",
        "file:///etc/passwd",
        "data:text/html,x",
        "vbscript:x",
        "/local",
        "#here",
        "//host",
        "https:",
        "http:///x",
        "mailto:",
        "",
    ],
)
def test_a_link_with_another_scheme_is_not_safe(address: str) -> None:
    assert doc.safe_href(address) is None


def test_creating_a_link_with_another_scheme_is_refused() -> None:
    with pytest.raises(DocumentError, match="only http, https and mailto"):
        doc.Link(href="javascript:alert(1)", children=())


def test_a_table_with_too_many_cells_is_refused_and_named_by_its_number() -> None:
    small = doc.Table(header=((),), alignments=("start",))
    large = doc.Table(header=((),), alignments=("start",), rows=(((),),) * doc.MOST_CELLS)

    with pytest.raises(DocumentError, match="table 2 has 5,001 cells"):
        doc.Document(title="t", blocks=(small, large))


def test_a_table_with_rows_of_unequal_length_is_refused() -> None:
    with pytest.raises(DocumentError, match="not a grid"):
        doc.Table(header=((), ()), alignments=("start", "start"), rows=(((),),))


def test_blocks_nested_too_deep_are_refused() -> None:
    with pytest.raises(DocumentError, match="a paragraph is nested deeper than 20 levels"):
        doc.Document(title="t", blocks=(_nested(doc.DEEPEST + 1),))


def test_blocks_nested_to_the_limit_are_accepted() -> None:
    assert doc.plain_text(doc.Document(title="t", blocks=(_nested(doc.DEEPEST),))) == "t\n\ndeep"


def test_a_document_with_too_much_text_is_refused() -> None:
    with pytest.raises(DocumentError, match="at most 20,000,000"):
        doc.Document(title="t", blocks=(doc.CodeBlock(text="é" * 10_000_001),))


def test_deeply_nested_json_is_refused_without_a_recursion_error() -> None:
    deep = '{"kind":"quote","blocks":[' * 5_000

    with pytest.raises(ValidationError):
        doc.Document.model_validate_json('{"title":"t","blocks":[' + deep)


def _nested(depth: int) -> doc.Block:
    block: doc.Block = _paragraphs("deep")[0]
    for _ in range(depth):
        block = doc.Quote(blocks=(block,))
    return block
