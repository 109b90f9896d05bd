"""Sources as models write them: one per line stays so, and definitions that Markdown would hide are shown."""

import pytest

from durable_research.domain.documents import tree as doc
from durable_research.domain.documents.markdown import parse_markdown


def _lines(text: str) -> list[str]:
    """The parsed text, line by line."""
    return "\n".join(map(doc.block_text, parse_markdown(text, "t").blocks)).split("\n")


@pytest.mark.parametrize(
    "lines",
    [
        ["[1] https://a.example - One", "[2] https://b.example - Two", "[3] Three, no address"],
        ["Sources:", "[1]: Smith, 2020", "[2]: Jones, 2021"],
        ["[S1] One", "[S2] Two"],
        ["[^1] One", "[^2] Two"],
        ["【1】甲", "【2】乙"],
        ["(1) One", "(2) Two"],
        ["¹ One", "² Two"],
        ["References", "12. One", "13. Two"],
        ["• One", "• Two", "▪ Three"],
        ["https://a.example/1", "https://a.example/2"],
        ["Smith 2020, https://a.example/1", "Jones 2021, https://a.example/2"],
        ["A survey of tides", "https://a.example/1"],
        ["[1] One", "its second line", "[2] Two"],
    ],
    ids=lambda lines: lines[-1],
)
def test_a_list_of_sources_keeps_one_source_per_line(lines: list[str]) -> None:
    assert _lines("\n".join(lines)) == lines


def test_other_line_ends_become_blanks() -> None:
    assert _lines("Tides rise\nand fall [1]\nas is known\nfrom https://a.example\nfor long") == [
        "Tides rise and fall [1] as is known from https://a.example for long"
    ]


def test_link_definitions_become_a_list_of_sources_linked_by_their_numbers() -> None:
    document = parse_markdown(
        "Strong [1] and known [2].\n\n## Sources\n\n"
        '[1]: https://example.org/tides "Tide survey"\n[2]: https://example.net/moon\n[3]: <https://example.com/a_b>\n',
        "t",
    )

    def link(words: str, href: str) -> doc.Link:
        return doc.Link(href=href, children=(doc.Text(text=words),))

    shown: tuple[doc.Inline, ...] = (
        doc.Text(text="[1] Tide survey "),
        link("https://example.org/tides", "https://example.org/tides"),
        doc.LineBreak(),
        doc.Text(text="[2] "),
        link("https://example.net/moon", "https://example.net/moon"),
        doc.LineBreak(),
        doc.Text(text="[3] "),
        link("https://example.com/a_b", "https://example.com/a_b"),
    )
    assert document.blocks == (
        doc.Paragraph(
            inlines=(
                doc.Text(text="Strong "),
                link("[1]", "https://example.org/tides"),
                doc.Text(text=" and known "),
                link("[2]", "https://example.net/moon"),
                doc.Text(text="."),
            )
        ),
        doc.Heading(level=2, inlines=(doc.Text(text="Sources"),)),
        doc.Paragraph(inlines=shown),
    )


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "Both [1][2].\n\n[1]: https://a.b/1\n[2]: https://a.b/2",
            ["Both [1][2].", "[1] https://a.b/1", "[2] https://a.b/2"],
        ),
        ("See [s1].\n\n[s1]: https://a.b/1", ["See [s1].", "[s1] https://a.b/1"]),
        ("[1]: tides.pdf\n\nSee [1].", ["[1] tides.pdf", "See [1]."]),
        ("[1]: https://a.b/1\n\n[1]: https://a.b/2", ["[1] https://a.b/1", "[1] https://a.b/2"]),
        ("See [a survey].\n\n[a survey]: https://a.b/1", ["See a survey."]),
        ("See [one][a].\n\n[a]: https://a.b/1", ["See one."]),
        ("Words\n\n[Smith]: https://a.b/1", ["Words", "[Smith] https://a.b/1"]),
        ("Words\n\n[//]: # (a comment)", ["Words"]),
    ],
)
def test_a_link_definition_is_listed_unless_link_text_uses_it(text: str, lines: list[str]) -> None:
    assert _lines(text) == lines


def test_an_unreferenced_footnote_is_listed_after_the_others() -> None:
    *_, notes = parse_markdown("a[^b]\n\n[^a]: https://a.b/1\n[^b]: Two\n", "t").blocks

    assert isinstance(notes, doc.NumberedList)
    assert [doc.block_text(item[0]) for item in notes.items] == ["Two", "https://a.b/1"]
