"""A document that is too large loses styles, then links, then its end, and states so; one that fits is not changed."""

import pytest

from durable_research.adapters.documents.fitting import fitted, weight
from durable_research.domain.documents import tree as doc

WORDS = (doc.Text(text="words "),)
LINK = doc.Link(href="https://x.y/", children=(doc.Strong(children=WORDS),))


def _document(*blocks: doc.Block) -> doc.Document:
    return doc.Document(title="T", blocks=blocks, facts=(("Id", "1"),))


def test_a_document_that_fits_is_not_changed() -> None:
    document = _document(doc.Heading(level=1, inlines=WORDS), doc.Paragraph(inlines=(LINK,)))

    assert fitted(document, weight(document)) is document


def test_styles_are_removed_before_links() -> None:
    paragraph = doc.Paragraph(inlines=(doc.Strong(children=WORDS), doc.Code(text="code"), LINK) * 20)
    document = _document(doc.Heading(level=1, inlines=WORDS), paragraph)

    smaller = fitted(document, weight(document) - 400_000)

    words = (doc.Text(text="words code"), doc.Link(href="https://x.y/", children=WORDS))
    assert smaller.blocks == (doc.Paragraph(inlines=WORDS), doc.Paragraph(inlines=words * 20))
    assert smaller.facts[1] == ("Layout", "without bold type and headings, as there is more of it than a file can hold")


def test_links_are_removed_before_blocks_are_cut_from_the_end() -> None:
    document = _document(*(doc.Paragraph(inlines=(LINK, *WORDS) * 20) for _ in range(10)))

    without_links = fitted(document, weight(document) * 6 // 10 + 7_000_000)
    shorter = fitted(document, 16_000_000 + 200_000)

    assert doc.plain_text(without_links) == doc.plain_text(document)
    paragraphs = [block for block in without_links.blocks if isinstance(block, doc.Paragraph)]
    assert len(paragraphs) == 10
    assert not any(isinstance(inline, doc.Link) for paragraph in paragraphs for inline in paragraph.inlines)
    assert 1 < len(shorter.blocks) < 10
    assert shorter.facts[1][1].startswith("this file holds the first ")
    assert doc.block_text(shorter.blocks[-1]).startswith("The text goes on")


@pytest.mark.parametrize(
    "block",
    [
        doc.Paragraph(inlines=(doc.Text(text="x" * 10_000),)),
        doc.CodeBlock(text="x\n" * 5_000),
        doc.BulletList(items=((doc.Paragraph(inlines=WORDS),),) * 200),
        doc.Quote(blocks=(doc.Paragraph(inlines=WORDS),) * 200),
        doc.Table(header=(WORDS,), alignments=("start",), rows=((WORDS,),) * 300),
        doc.BulletList(items=((doc.Quote(blocks=(doc.CodeBlock(text="x" * 9_000),)),),)),
    ],
    ids=lambda block: block.kind,
)
def test_a_block_larger_than_the_budget_is_cut(block: doc.Block) -> None:
    document = _document(block)

    for share in (2, 3, 10):
        budget = 16_000_000 + (weight(document) - 16_000_000) // share
        shorter = fitted(document, budget)
        cut = shorter.model_copy(update={"blocks": shorter.blocks[:-1]})
        assert weight(cut) <= budget
        assert 0 < len(doc.plain_text(cut)) < len(doc.plain_text(document))


def test_a_character_without_glyph_weighs_more() -> None:
    document = _document(doc.Paragraph(inlines=(doc.Text(text="ঢ" * 1_000),)))

    assert fitted(document, weight(document)) is document
    assert fitted(document, weight(document), {"ঢ"}) is not document


def test_the_same_document_is_fitted_to_the_same_result_every_time() -> None:
    document = _document(*(doc.Paragraph(inlines=(LINK, *WORDS)) for _ in range(50)))

    assert fitted(document, 16_100_000) == fitted(document.model_copy(deep=True), 16_100_000)
