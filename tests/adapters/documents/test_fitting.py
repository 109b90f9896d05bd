"""A document that is too large loses styles, then links, then its end, and states so; one that fits is not changed."""

import pytest

from durable_research.adapters.documents.fitting import fitted, weight
from durable_research.domain.documents.tree import (
    Block,
    BulletList,
    Code,
    CodeBlock,
    Document,
    Heading,
    Link,
    Paragraph,
    Quote,
    Strong,
    Table,
    Text,
    block_text,
    plain_text,
)

WORDS = (Text(text="words "),)
LINK = Link(href="https://x.y/", children=(Strong(children=WORDS),))


def _document(*blocks: Block) -> Document:
    return Document(title="T", blocks=blocks, facts=(("Id", "1"),))


def test_a_document_that_fits_is_not_changed() -> None:
    document = _document(Heading(level=1, inlines=WORDS), Paragraph(inlines=(LINK,)))

    assert fitted(document, weight(document)) is document


def test_styles_are_removed_before_links() -> None:
    paragraph = Paragraph(inlines=(Strong(children=WORDS), Code(text="code"), LINK) * 20)
    document = _document(Heading(level=1, inlines=WORDS), paragraph)

    smaller = fitted(document, weight(document) - 400_000)

    words = (Text(text="words code"), Link(href="https://x.y/", children=WORDS))
    assert smaller.blocks == (Paragraph(inlines=WORDS), Paragraph(inlines=words * 20))
    assert smaller.facts[1] == ("Layout", "without bold type and headings, as there is more of it than a file can hold")


def test_links_are_removed_before_blocks_are_cut_from_the_end() -> None:
    document = _document(*(Paragraph(inlines=(LINK, *WORDS) * 20) for _ in range(10)))

    without_links = fitted(document, weight(document) * 6 // 10 + 7_000_000)
    shorter = fitted(document, 16_000_000 + 200_000)

    assert plain_text(without_links) == plain_text(document)
    paragraphs = [block for block in without_links.blocks if isinstance(block, Paragraph)]
    assert len(paragraphs) == 10
    assert not any(isinstance(inline, Link) for paragraph in paragraphs for inline in paragraph.inlines)
    assert 1 < len(shorter.blocks) < 10
    assert shorter.facts[1][1].startswith("this file holds the first ")
    assert block_text(shorter.blocks[-1]).startswith("The text goes on")


@pytest.mark.parametrize(
    "block",
    [
        Paragraph(inlines=(Text(text="x" * 10_000),)),
        CodeBlock(text="x\n" * 5_000),
        BulletList(items=((Paragraph(inlines=WORDS),),) * 200),
        Quote(blocks=(Paragraph(inlines=WORDS),) * 200),
        Table(header=(WORDS,), alignments=("start",), rows=((WORDS,),) * 300),
        BulletList(items=((Quote(blocks=(CodeBlock(text="x" * 9_000),)),),)),
    ],
    ids=lambda block: block.kind,
)
def test_a_block_larger_than_the_budget_is_cut(block: Block) -> None:
    document = _document(block)

    for share in (2, 3, 10):
        budget = 16_000_000 + (weight(document) - 16_000_000) // share
        shorter = fitted(document, budget)
        cut = shorter.model_copy(update={"blocks": shorter.blocks[:-1]})
        assert weight(cut) <= budget
        assert 0 < len(plain_text(cut)) < len(plain_text(document))


def test_a_character_without_glyph_weighs_more() -> None:
    document = _document(Paragraph(inlines=(Text(text="ঢ" * 1_000),)))

    assert fitted(document, weight(document)) is document
    assert fitted(document, weight(document), {"ঢ"}) is not document


def test_the_same_document_is_fitted_to_the_same_result_every_time() -> None:
    document = _document(*(Paragraph(inlines=(LINK, *WORDS)) for _ in range(50)))

    assert fitted(document, 16_100_000) == fitted(document.model_copy(deep=True), 16_100_000)
