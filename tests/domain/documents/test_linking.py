"""Which addresses in a text become links, where each ends, and where it leads."""

import pytest

from durable_research.domain.documents.markdown import parse_markdown
from durable_research.domain.documents.tree import Code, Link, Paragraph, Text


def _parts(text: str) -> list[str | tuple[str, str]]:
    """The sentence: words as they are, links with where they lead."""
    (paragraph,) = parse_markdown(text, "t").blocks
    assert isinstance(paragraph, Paragraph)
    found: list[str | tuple[str, str]] = []
    for inline in paragraph.inlines:
        match inline:
            case Link(children=(Text(text=words),)):
                found.append((words, inline.href))
            case Text() | Code():
                found.append(inline.text)
    return found


def _link(address: str) -> tuple[str, str]:
    return (address, address)


A = "https://example.org/a"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (f"See {A}.", ["See ", _link(A), "."]),
        (f"({A}), {A}; {A}!", ["(", _link(A), "), ", _link(A), "; ", _link(A), "!"]),
        (f"{A}?x=1&m=2#top", [_link(f"{A}?x=1&m=2#top")]),
        (f"HTTP://example.org and x{A}", [_link("HTTP://example.org"), f" and x{A}"]),
        (f"{A}_(b)_c (see {A}_(b))", [_link(f"{A}_(b)_c"), " (see ", _link(f"{A}_(b)"), ")"]),
        (f"{A}(accessed 2024)", [_link(A), "(accessed 2024)"]),
        (f"{A}[1] {A}...", [_link(A), "[1] ", _link(A), "..."]),
        (f"“{A}” ‘{A}’ «{A}»", ["“", _link(A), "” ‘", _link(A), "’ «", _link(A), "»"]),
        (f"<b>{A}</b>", ["<b>", _link(A), "</b>"]),
        (f"{A}/x_y_z and {A}/x*y*z", [_link(f"{A}/x_y_z"), " and ", _link(f"{A}/x*y*z")]),
        (f"{A}/x\\_y {A}?b&amp;c", [_link(f"{A}/x_y"), " ", _link(f"{A}?b&c")]),
        (f"{A}/~me/ {A}—then", [_link(f"{A}/~me/"), " ", _link(A), "—then"]),
        (f"{A}/{A}", [_link(f"{A}/{A}")]),
    ],
)
def test_punctuation_after_an_address_is_not_part_of_it(text: str, parts: list[object]) -> None:
    assert _parts(text) == parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (f"请见{A}。后面", ["请见", _link(A), "。后面"]),
        (f"（{A}），{A}、{A}；", ["（", _link(A), "），", _link(A), "、", _link(A), "；"]),
        (f"『{A}』を{A}を見る", ["『", _link(A), "』を", _link(A), "を見る"]),
        (f"{A}를 참조", [_link(A), "를 참조"]),
        (f"{A}\u3000次", [_link(A), "\u3000次"]),
        (
            "https://zh.example.org/wiki/潮汐。",
            [("https://zh.example.org/wiki/潮汐", "https://zh.example.org/wiki/%E6%BD%AE%E6%B1%90"), "。"],
        ),
        ("https://münchen.example/ä.", [("https://münchen.example/ä", "https://xn--mnchen-3ya.example/%C3%A4"), "."]),
    ],
)
def test_an_address_ends_at_punctuation_and_letters_of_other_scripts(text: str, parts: list[object]) -> None:
    assert _parts(text) == parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("www.example.net.", [("www.example.net", "http://www.example.net"), "."]),
        ("WWW.gov.uk/x, www.a", [("WWW.gov.uk/x", "http://WWW.gov.uk/x"), ", www.a"]),
        ("doi:10.1000/182, x", [("doi:10.1000/182", "https://doi.org/10.1000/182"), ", x"]),
        (
            "DOI: 10.1038/s41586-020-2649-2.",
            ["DOI: ", ("10.1038/s41586-020-2649-2", "https://doi.org/10.1038/s41586-020-2649-2"), "."],
        ),
        (
            "(10.1016/S0140-6736(20)30183-5)",
            ["(", ("10.1016/S0140-6736(20)30183-5", "https://doi.org/10.1016/S0140-6736(20)30183-5"), ")"],
        ),
        ("doi.org/10.1000/182", [("doi.org/10.1000/182", "https://doi.org/10.1000/182")]),
    ],
)
def test_a_www_name_or_doi_without_scheme_is_linked(text: str, parts: list[object]) -> None:
    assert _parts(text) == parts


@pytest.mark.parametrize(
    "text",
    [
        "README.md and example.org",
        "ftp://a.b file:///x javascript://a",
        "http:// https:/a",
        "v10.1234/x 1.10.1234/abc",
        "10.12/ab",
        "a@b.org",
    ],
)
def test_text_that_only_resembles_an_address_is_not_linked(text: str) -> None:
    assert _parts(text) == [text]


def test_an_address_in_code_or_in_link_text_is_not_linked() -> None:
    assert _parts(f"`{A}` [see {A}](https://x.y/) [a]({A})") == [A, " ", (f"see {A}", "https://x.y/"), " ", ("a", A)]


@pytest.mark.parametrize("marked", [f"**{A}**", f"*{A}*", f"__{A}__", f"*see {A}*"])
def test_markdown_marks_around_an_address_are_not_part_of_it(marked: str) -> None:
    (paragraph,) = parse_markdown(marked, "t").blocks

    assert f"href='{A}'" in repr(paragraph)
    assert "*" not in repr(paragraph)
