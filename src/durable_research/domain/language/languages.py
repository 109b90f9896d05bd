"""Language tags: which are well-formed, and their canonical form.

Source: RFC 5646, sections 2.1 (grammar), 2.1.1 (case) and 2.2 (no variant or extension twice), read 2026-11-28. Whether a
subtag is in the registry is not checked: the registry grows, so one reader may lack a tag that the next one has.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

LONGEST = 100
_LONGEST_KNOWN = 3  # no language of more letters was ever registered

_PRIVATE = r"x(?:-[a-z0-9]{1,8})+"
_TAG = re.compile(
    r"(?P<language>[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4}|[a-z]{5,8})"
    r"(?:-(?P<script>[a-z]{4}))?"
    r"(?:-(?P<region>[a-z]{2}|[0-9]{3}))?"
    r"(?P<variants>(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*)"
    r"(?P<extensions>(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*)"
    rf"(?:-{_PRIVATE})?",
    re.ASCII | re.IGNORECASE,
)
_WHOLLY_PRIVATE = re.compile(_PRIVATE, re.ASCII | re.IGNORECASE)
# Tags older than the grammar, which does not cover them.
_IRREGULAR = {
    tag.lower(): tag
    for tag in (
        *(
            "en-GB-oed",
            "i-ami",
            "i-bnn",
            "i-default",
            "i-enochian",
            "i-hak",
            "i-klingon",
            "i-lux",
            "i-mingo",
            "i-navajo",
        ),
        *("i-pwn", "i-tao", "i-tay", "i-tsu", "sgn-BE-FR", "sgn-BE-NL", "sgn-CH-DE"),
    )
}
# Languages that recognisers confuse: written nearly alike, or two codes for one language.
_RELATIVES = (
    frozenset({"no", "nb", "nn"}),
    frozenset({"sr", "hr", "bs", "sh", "cnr"}),
    frozenset({"id", "ms", "in", "zsm"}),
    frozenset({"zh", "cmn", "yue", "wuu"}),
    frozenset({"ar", "arb", "ary", "arz"}),
    frozenset({"fa", "prs", "pes"}),
    frozenset({"tl", "fil"}),
    frozenset({"he", "iw"}),
    frozenset({"yi", "ji"}),
    frozenset({"ro", "mo"}),
)
# For the JSON schema, so that clients can check before they send; this module checks the grammar above.
_PATTERN = r"^[A-Za-z0-9]{1,8}(-[A-Za-z0-9]{1,8})*$"


def canonical_tag(text: str) -> str | None:
    """The tag in its usual case, such as `zh-Hant-TW` for `ZH-hant-tw`, or None when it is not well-formed."""
    if len(text) > LONGEST:
        return None
    if irregular := _IRREGULAR.get(text.lower()):
        return irregular
    match = _TAG.fullmatch(text)
    if match is None:
        return text.lower() if _WHOLLY_PRIVATE.fullmatch(text) else None
    variants = match["variants"].lower().split("-")[1:]
    singletons = re.findall(r"(?<=-)[0-9a-wy-z](?=-)", match["extensions"].lower())
    if any(len(set(each)) < len(each) for each in (variants, singletons)):
        return None
    return _in_usual_case(text.lower().split("-"))


def subtags(tag: str) -> tuple[str | None, str | None, str | None]:
    """Language, script and region, each None where the tag lacks it: `zh`, `Hant`, `TW` of `zh-Hant-TW`."""
    match = None if tag.lower() in _IRREGULAR else _TAG.fullmatch(tag)
    if match is None:
        return None, None, None
    return match["language"].split("-")[0].lower(), match["script"], match["region"]


def primary_language(tag: str) -> str | None:
    """The language alone."""
    return subtags(tag)[0]


def may_be_confused_with(language: str, other: str) -> bool:
    """Whether two languages are the same, or so similar that a recogniser may confuse them."""
    return language == other or any({language, other} <= relatives for relatives in _RELATIVES)


def document_language(tag: str | None) -> str:
    """The language of a document: the tag, or `und` where its language is longer than typesetting accepts."""
    if tag is None:
        return "en"
    language = primary_language(tag)
    return tag if language and len(language) <= _LONGEST_KNOWN else "und"


def _in_usual_case(subtags: list[str]) -> str:
    """Regions in capitals, scripts capitalised, the rest in small letters, also every subtag after a single letter."""
    single = next((place for place, subtag in enumerate(subtags) if len(subtag) == 1), len(subtags))
    cases = {2: str.upper, 4: str.capitalize}
    places = (cases.get(len(subtag), str.lower)(subtag) for subtag in subtags[1:single])
    return "-".join([subtags[0], *places, *subtags[single:]])


def _well_formed(text: str) -> str:
    tag = canonical_tag(text)
    if tag is None:
        raise PydanticCustomError("pattern", "must be a language tag (BCP 47) such as en, pt-BR, zh-Hant or es-419")
    return tag


LanguageTag = Annotated[
    str, AfterValidator(_well_formed), Field(json_schema_extra={"pattern": _PATTERN, "maxLength": LONGEST})
]
