"""Line breaks within long words, for texts with more of them than Typst can find itself.

The template finds long words by a rule of its own, and Typst fails after some five hundred of them in one piece of text.
"""

import re
import unicodedata
from collections.abc import Iterator

# Longer than any word that fits a line; a hash or an address without blanks may then break.
LONG_WORD = 32
_FOUND_BY_THE_TEMPLATE = 200
# Each piece uses memory, so a piece is as long as a column of a table is wide.
_PIECE = 24
_WORD = re.compile(rf"\S{{{LONG_WORD},}}")
_JOINER = "\u200d"
# Marks on one letter, and joined letters: more than these are in no script, and shaping them as one uses all the memory.
_LONGEST_CLUSTER = 64
_PILED_FROM = 1_000


def breakable(text: str) -> list[str]:
    """The text in pieces between which it may break; one piece where the template can find the breaks."""
    words = list(_WORD.finditer(text))
    if len(words) <= _FOUND_BY_THE_TEMPLATE and not any(_is_piled(word[0]) for word in words):
        return [text]
    pieces: list[str] = []
    done = 0
    for word in words:
        first, *others = _pieces(word[0])
        pieces[-1:] = [(pieces[-1] if pieces else "") + text[done : word.start()] + first]
        pieces += others
        done = word.end()
    pieces[-1] += text[done:]
    return pieces


def _is_piled(word: str) -> bool:
    return len(word) >= _PILED_FROM and sum(map(_binds, word)) > len(word) // 3


def _binds(char: str) -> bool:
    return char == _JOINER or unicodedata.category(char)[0] == "M"


def _pieces(word: str) -> Iterator[str]:
    """Split, but not between a letter and its marks, nor within joined letters up to the length of any script."""
    begin = 0
    for at in range(1, len(word)):
        is_bound = at - begin < _LONGEST_CLUSTER and (word[at - 1] == _JOINER or _binds(word[at]))
        if at - begin >= _PIECE and not is_bound:
            yield word[begin:at]
            begin = at
    yield word[begin:]
