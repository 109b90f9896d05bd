"""Joining split characters: halves of surrogate pairs, and bytes of one letter.

Lone surrogates have two causes: a server escapes the two halves of a character in two events, or it splits a letter's bytes,
which `events` decodes to surrogates one by one. None of them may end an answer: one without a partner becomes U+FFFD.
"""

import re
from dataclasses import dataclass

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SURROGATES = re.compile(r"[\ud800-\udfff]+")
_ESCAPED_BYTES = re.compile(r"[\udc80-\udcff]+")
_AT_THE_END = re.compile(r"[\ud800-\udfff]+\Z")


@dataclass
class GrowingText:
    """A text that grows by pieces; half a character is held back until its other half comes."""

    text: str = ""
    _held: str = ""

    def add(self, piece: str) -> None:
        piece = self._held + piece
        found = _AT_THE_END.search(piece)
        self._held = found[0] if found else ""
        self.text += join_split_characters(piece[: found.start()] if found else piece)

    @property
    def whole(self) -> str:
        """Return the whole text after the last piece."""
        return self.text + join_split_characters(self._held)


def join_split_characters(text: str) -> str:
    """Join split characters and replace lone surrogates."""
    return _SURROGATES.sub(lambda run: _joined(run[0]), text)


def _joined(run: str) -> str:
    # Pairs first: the second half of a pair may look like an escaped byte.
    paired = _paired(run)
    letters = _ESCAPED_BYTES.sub(lambda found: _from_bytes(found[0]), paired)
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", _paired(letters))


def _paired(run: str) -> str:
    return run.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _from_bytes(run: str) -> str:
    data = run.encode("utf-8", "surrogateescape")
    try:
        return data.decode("utf-8", "surrogatepass")  # halves that were written as bytes, one by one
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")
