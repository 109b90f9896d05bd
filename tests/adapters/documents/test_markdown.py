"""Canonical Markdown reads back as the tree that it was written from."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durable_research.adapters.documents.markdown import to_markdown
from durable_research.domain.documents import tree as doc
from durable_research.domain.documents.markdown import joined_texts, parse_markdown
from tests.domain.documents.test_markdown import anything_like_markdown


def test_a_document_is_written_as_plain_markdown() -> None:
    text = (
        "# Why?\n\nThe *sky* is **blue**: [see](<https://x.y/>) `a|b`, 1 \\* 2.\n\n## Part\n\n- one\n- two\n\n"
        "1. one\n\n   + nested\n\n2. two\n\n> said\n\n| a | b |\n| --- | ---: |\n| `x\\|y` | 2 |\n\n"
        "```py\nprint()\n```\n\n***\n"
    )

    assert to_markdown(parse_markdown(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "- not a list",
        "1. not a list",
        "# no heading",
        "> no quote",
        "*no* _emphasis_",
        "`no code`",
        "[no](http://link/)",
        "![no](image)",
        "&amp;",
        "a  ",
        "  a",
        "\u00a0a",
        "---",
        "===",
        "|a|",
        "```",
        "~~~",
        "<b>",
        "<http://a.b>",
        "\\",
        "a\\",
        "[^1]",
        "[^1]: x",
        "+",
        "-",
        "1.",
        "1)",
        "#",
        "!",
        ":-",
        "    code",
        "\ta",
        "[ref]: http://x/",
        "a #",
        "http://a.b",
        "https://a.b/c_d",
        "www.example.org",
        "doi:10.1000/182",
        "10.1000/182",
        "dx.doi.org/10.1000/182",
        "http://www.a.bc",
        "[1] a",
    ],
)
def test_text_that_looks_like_markup_is_escaped(text: str) -> None:
    document = doc.Document(title="t", blocks=(doc.Paragraph(inlines=(doc.Text(text=text),)),))

    assert parse_markdown(to_markdown(document)) == document


@pytest.mark.parametrize(
    "text", ["**Bold alone**", "[1] a https://x.y/a_b\n[2] www.x.yz (doi:10.1000/182)", "https://x.y/a*b"]
)
def test_a_paragraph_of_sources_or_bold_text_survives_a_round_trip(text: str) -> None:
    document = parse_markdown(f"words\n\n{text}", "t")

    assert parse_markdown(to_markdown(document)) == document


def test_adjacent_lists_stay_separate() -> None:
    item = ((doc.Paragraph(inlines=(doc.Text(text="a"),)),),)
    document = doc.Document(title="t", blocks=(doc.BulletList(items=item),) * 3 + (doc.NumberedList(items=item),) * 2)

    assert parse_markdown(to_markdown(document)) == document


def test_emphasis_that_markdown_cannot_express_is_written_as_plain_text() -> None:
    inlines = (doc.Text(text="a"), doc.Strong(children=(doc.Text(text='"b"'),)), doc.Text(text="c"))
    document = doc.Document(title="t", blocks=(doc.Paragraph(inlines=inlines),))

    assert to_markdown(document) == '# t\n\na"b"c\n'


@settings(max_examples=300, deadline=None)
@given(anything_like_markdown)
def test_a_round_trip_neither_loses_nor_adds_a_word(text: str) -> None:
    document = parse_markdown(text)

    assert doc.plain_text(parse_markdown(to_markdown(document))) == doc.plain_text(document)


# Emphasis stands between blanks here, because inside words CommonMark has no mark for many combinations.
_words = st.text(alphabet="ab1é中.#*_`[]<>&|\\!-+~:()", min_size=1, max_size=8)
_plain = _words.map(lambda words: doc.Text(text=words))
_letters = st.text(alphabet="abé", min_size=1, max_size=5).map(lambda words: doc.Text(text=words))
_code = st.text(alphabet="ab`|\\ ", min_size=1, max_size=6).map(lambda text: doc.Code(text=text))
_stressed: st.SearchStrategy[doc.Inline] = st.one_of(
    _letters.map(lambda inner: doc.Emphasis(children=(inner,))),
    _letters.map(lambda inner: doc.Strong(children=(inner,))),
    _letters.map(lambda inner: doc.Link(href="https://x.y/a_(b)*", children=(inner,))),
)


@st.composite
def _sentences(draw: st.DrawFn, breaks: bool = True) -> tuple[doc.Inline, ...]:
    kinds = st.one_of(_plain, _code, _stressed, *([st.just(doc.LineBreak())] if breaks else []))
    between: list[doc.Inline] = [draw(_letters)]
    for inline in draw(st.lists(kinds, max_size=4)):
        between += (
            [inline, draw(_letters)]
            if isinstance(inline, doc.LineBreak)
            else [doc.Text(text=" "), inline, doc.Text(text=" a")]
        )
    return joined_texts(between)


def _tables(width: int) -> st.SearchStrategy[doc.Block]:
    row = st.tuples(*[_sentences(breaks=False)] * width)
    sides = st.tuples(*[st.sampled_from(["start", "left", "center", "right"])] * width)
    return st.builds(doc.Table, header=row, alignments=sides, rows=st.lists(row, max_size=2).map(tuple))


_leaves: st.SearchStrategy[doc.Block] = st.one_of(
    st.builds(doc.Heading, level=st.integers(1, 6), inlines=_sentences(breaks=False)),
    st.builds(doc.Paragraph, inlines=_sentences()),
    st.builds(doc.CodeBlock, language=st.sampled_from(["", "py"]), text=st.text(alphabet="a`\n ~#->", max_size=12)),
    st.just(doc.Rule()),
    st.integers(1, 3).flatmap(_tables),
)
_items = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda blocks: doc.Quote(blocks=tuple(blocks))),
        st.lists(st.lists(inner, min_size=1, max_size=2).map(tuple), min_size=1, max_size=3).map(
            lambda items: doc.BulletList(items=tuple(items))
        ),
        st.builds(
            doc.NumberedList,
            start=st.integers(0, 1000),
            items=st.lists(st.lists(inner, min_size=1, max_size=2).map(tuple), min_size=1, max_size=2).map(tuple),
        ),
    ),
    max_leaves=6,
)


@settings(max_examples=250, deadline=None)
@given(st.lists(_items, max_size=4))
def test_a_document_tree_survives_a_round_trip(blocks: list[doc.Block]) -> None:
    document = doc.Document(title="t", blocks=tuple(blocks))

    assert parse_markdown(to_markdown(document)) == document
