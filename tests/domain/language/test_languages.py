"""Which language tags are well-formed, and how they are written."""

import pytest

from durable_research.domain.language.languages import canonical_tag, document_language, primary_language, subtags


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("en", "en"),
        ("EN", "en"),
        ("en-us", "en-US"),
        ("pt-BR", "pt-BR"),
        ("es-419", "es-419"),
        ("zh-Hant", "zh-Hant"),
        ("ZH-HANS-cn", "zh-Hans-CN"),
        ("sr-latn", "sr-Latn"),
        ("sr-Latn-RS", "sr-Latn-RS"),
        ("de-DE-1996", "de-DE-1996"),
        ("sl-rozaj-biske", "sl-rozaj-biske"),
        ("ca-ES-valencia", "ca-ES-valencia"),
        ("yue", "yue"),
        ("ZH-YUE-hk", "zh-yue-HK"),
        ("en-US-u-hc-h12", "en-US-u-hc-h12"),
        ("th-TH-u-CA-BUDDHIST-NU-THAI", "th-TH-u-ca-buddhist-nu-thai"),
        ("DE-U-CO-PHONEBK", "de-u-co-phonebk"),
        ("en-a-bbb-x-a-ccc", "en-a-bbb-x-a-ccc"),
        ("en-x-US", "en-x-us"),
        ("x-Private", "x-private"),
        ("i-KLINGON", "i-klingon"),
        ("en-gb-oed", "en-GB-oed"),
        ("sgn-be-fr", "sgn-BE-FR"),
        ("art-lojban", "art-lojban"),
    ],
)
def test_a_well_formed_language_tag_is_accepted_in_its_canonical_case(text: str, tag: str) -> None:
    assert canonical_tag(text) == tag


@pytest.mark.parametrize(
    "text",
    [
        *("", "e", "1", "123", "en_US", "en-", "-en", "en--US", "../en", "en US", "englishlanguage", "*", "en;q=0.8"),
        *(
            "de-DE-DE",
            "en-Latn-Latn",
            "en-US-Latn",
            "a-DE",
            "x",
            "x-",
            "i",
            "en-u",
            "en-x",
            "en-US-abcdefghi",
            "é",
            "ен",
        ),
        *("de-1901-1901", "en-a-bbb-a-ccc", "en\n", "en-US\x07", f"en-x-{'-'.join(['abcdefgh'] * 20)}"),
    ],
)
def test_a_malformed_language_tag_is_refused(text: str) -> None:
    assert canonical_tag(text) is None


@pytest.mark.parametrize(
    ("tag", "parts"),
    [
        ("en", ("en", None, None)),
        ("zh-Hant-TW", ("zh", "Hant", "TW")),
        ("es-419", ("es", None, "419")),
        ("zh-yue-HK", ("zh", None, "HK")),
        ("de-u-co-phonebk", ("de", None, None)),  # `co` is a key there, and not Colombia
        ("en-x-us", ("en", None, None)),
        ("de-DE-1996", ("de", None, "DE")),
        ("x-private", (None, None, None)),
        ("i-klingon", (None, None, None)),
    ],
)
def test_a_tag_is_split_into_language_script_and_region(tag: str, parts: tuple[str | None, ...]) -> None:
    assert subtags(tag) == parts
    assert primary_language(tag) == parts[0]


@pytest.mark.parametrize(
    ("tag", "document"),
    [(None, "en"), ("sr-Latn", "sr-Latn"), ("x-private", "und"), ("i-klingon", "und"), ("abcde", "und")],
)
def test_a_documents_language_tag_is_one_that_every_reader_accepts(tag: str | None, document: str) -> None:
    assert document_language(tag) == document
