"""Words longer than a line break somewhere, however many there are of them, and come out as they were written."""

import hashlib
import io

import pytest
from pypdf import PdfReader

from durable_research.adapters.documents.long_words import breakable
from durable_research.adapters.documents.typst import TypstRenderer
from durable_research.domain.documents.markdown import parse_markdown


def hashes(count: int) -> list[str]:
    return [hashlib.sha256(str(number).encode()).hexdigest() for number in range(count)]


@pytest.mark.parametrize(
    "text",
    [
        " ".join(hashes(600)),
        " ".join(f"**{one}** {one}" for one in hashes(400)),
        " ".join("`" * number + " w" for number in range(1, 600)),
        "x\n\n## " + " ".join(hashes(600)),
        "a" + "\u0301" * 12_000,
        "\U0001f468\u200d" * 12_000,
    ],
    ids=["hashes", "bold hashes", "backticks", "a heading of hashes", "marks on one letter", "joined signs"],
)
async def test_any_number_of_long_words_and_any_cluster_length_is_typeset(renderer: TypstRenderer, text: str) -> None:
    document = parse_markdown(f"# A\n\n{text}\n", title=None, question="q", language="en")

    assert (await renderer.render(document)).pages >= 1


async def test_broken_words_are_copied_from_the_pdf_unchanged(renderer: TypstRenderer) -> None:
    words = hashes(300)
    document = parse_markdown(f"# A\n\n{' '.join(words)}\n", title=None, question="q", language="en")

    pages = PdfReader(io.BytesIO((await renderer.render(document)).content)).pages
    shown = "".join("".join(page.extract_text().split()) for page in pages)

    # A word that goes over to the next page has the page's number in it.
    assert sum(word not in shown for word in words) < len(pages)


def test_a_word_breaks_between_letters_and_never_before_a_combining_mark() -> None:
    word = "e\u0301" * 30
    pieces = breakable(" ".join([word] * 300))

    assert "".join(pieces) == " ".join([word] * 300)
    assert len(pieces) > 300
    assert not [piece for piece in pieces if piece.startswith("\u0301")]


def test_a_text_with_few_long_words_is_not_changed() -> None:
    text = " ".join(hashes(200))

    assert breakable(text) == [text]
