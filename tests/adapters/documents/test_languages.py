"""A language tag as Typst gets it: language, region, direction, and the shape of Han characters."""

import io

import pypdf
import pytest

from durable_research.adapters.documents.typst import TypstRenderer
from durable_research.adapters.documents.typst_data import template_data
from durable_research.domain.documents.tree import Document, Paragraph, Text


def document(tag: str) -> Document:
    return Document(title="潮汐", language=tag, blocks=(Paragraph(inlines=(Text(text="骨"),)),))


@pytest.mark.parametrize(
    ("tag", "language", "region", "is_rtl"),
    [
        ("en", "en", None, False),
        ("pt-BR", "pt", "BR", False),
        ("es-419", "es", None, False),
        ("de-DE-1996", "de", "DE", False),
        ("de-u-co-phonebk", "de", None, False),
        ("en-x-us", "en", None, False),
        ("sr-Latn-RS", "sr", "RS", False),
        ("ar", "ar", None, True),
        ("ar-Latn", "ar", None, False),
        ("az-Arab", "az", None, True),
        ("und", "und", None, False),
    ],
)
def test_a_language_tag_is_split_into_typsts_language_region_and_direction(
    tag: str, language: str, region: str | None, is_rtl: bool
) -> None:
    data = template_data(document(tag))

    assert (data["lang"], data["region"], data["rtl"]) == (language, region, is_rtl)


@pytest.mark.parametrize(
    ("tag", "place"),
    [
        *(
            ("zh", "SC"),
            ("zh-TW", "TC"),
            ("zh-Hant", "TC"),
            ("zh-Hans-HK", "SC"),
            ("zh-Hant-HK", "HK"),
            ("zh-Hant-SG", "TC"),
        ),
        *(("yue", "HK"), ("zh-yue", "HK"), ("cmn-Hans-CN", "SC"), ("ja-JP", "JP")),
    ],
)
def test_han_characters_use_the_font_of_the_tags_script_or_region(tag: str, place: str) -> None:
    [family] = [one for one in template_data(document(tag))["families"] if "CJK" in one]

    assert family.endswith(place)


@pytest.mark.parametrize("tag", ["es-419", "zh-Hans-CN", "sr-Latn", "de-DE-1996", "en-US-u-hc-h12", "yue", "und"])
async def test_a_document_in_any_language_tag_is_typeset(renderer: TypstRenderer, tag: str) -> None:
    rendered = await renderer.render(document(tag))

    assert len(pypdf.PdfReader(io.BytesIO(rendered.content)).pages) == 1
