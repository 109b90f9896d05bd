"""Finds the addresses in running text that become links: http and https, `www.`, and DOIs.

markdown-it's own linkify is not used: it makes the Chinese sentence after an address a part of it and `README.md` a link,
and finds no DOI. An address ends before a blank, a bracket or quotation mark that it did not open, punctuation that
ends a sentence, and any sign that is not ASCII; letters of every script belong to it.
"""

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote

from markdown_it.common.utils import unescapeAll

# Where an address may begin; after a letter or digit it is a part of another word. Short, as it is tried at every character.
ADDRESS_START = r"(?<![A-Za-z0-9])(?=[Hh][Tt][Tt][Pp][Ss]?://|[Ww]{3}\.|[Dd][Oo][Ii]:10\.|(?:dx\.)?doi\.org/10\.|(?<![\w./-])10\.\d{4,9}/)"
# Everything up to a character that no address has; a backslash may escape a sign, as in Markdown.
_CANDIDATE = re.compile(r"(?:\\[!-/:-@\[-`{-~]|[^\s\x00-\x20<>\"`\[\]{}|\\^*~]|(?<!\*)\*(?!\*)|(?<!~)~(?!~))+")
_WEB = re.compile(r"https?://[^/?#\s]", re.IGNORECASE)
_WWW = re.compile(r"www\.[^\W_](?:[\w-]*\.)+[^\W\d_]{2,}(?::\d+)?(?![\w.-])", re.IGNORECASE)
_DOI = re.compile(r"(?:doi:|(?:dx\.)?doi\.org/)?(10\.\d{4,9}/\S{3,})", re.IGNORECASE)
_TRAILING = "?!.,:;'\"*_~"
_ENTITY_AT_END = re.compile(r"&[A-Za-z0-9]{1,31};$")
_LONGEST_ENTITY = 33
# Scripts without blanks between words, so that the next word may directly follow an address.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7af]"
)
_ASCII_WORD = re.compile(r"[A-Za-z0-9)]", re.ASCII)


@dataclass(frozen=True)
class Address:
    """An address in the source (its first `length` characters), its shown form, and its target."""

    length: int
    shown: str
    href: str


def address_at(source: str, start: int, end: int) -> Address | None:
    """The address that begins here and ends before `end`, if there is one."""
    found = _CANDIDATE.match(source, start, end)
    if found is None:
        return None
    written = _without_end(found[0][: _length(found[0])])
    shown = unescapeAll(written)
    if _WEB.match(shown):
        return Address(len(written), shown, shown)
    if _WWW.match(shown):
        return Address(len(written), shown, f"http://{shown}")
    if doi := _DOI.fullmatch(shown):
        return Address(len(written), shown, "https://doi.org/" + quote(doi[1], safe="/:;()._-~!$&'*+,=@"))
    return None


def _length(candidate: str) -> int:
    """Its end: a sign that is not ASCII, a word of a script without blanks, or a bracket without its counterpart."""
    opened: list[int] = []
    for at, char in enumerate(candidate):
        if char == "(":
            opened.append(at)
        elif char == ")":
            if not opened:
                return at
            opened.pop()
        elif not char.isascii() and (
            unicodedata.category(char)[0] not in "LMN"
            or (_UNSPACED.match(char) and _ASCII_WORD.match(candidate[at - 1]))
        ):
            return opened[0] if opened else at
    return opened[0] if opened else len(candidate)


def _without_end(written: str) -> str:
    """Remove the punctuation of the sentence around it."""
    end = len(written)
    while end:
        if entity := _ENTITY_AT_END.search(written[max(end - _LONGEST_ENTITY, 0) : end]):
            end -= len(entity[0])
        elif written[end - 1] in _TRAILING:
            # With the backslash before the sign, if there is one.
            end -= 2 if written[end - 2 : end - 1] == "\\" else 1
        else:
            break
    return written[: max(end, 0)]
