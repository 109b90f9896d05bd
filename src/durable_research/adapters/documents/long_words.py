"""Where a word longer than a line may break, told to Typst where there are more of them than it can be left to find.

The template finds long words by a rule of its own, and Typst gives up after some five hundred of them in one stretch of text.
"""

import re
import unicodedata
from collections.abc import Iterator

# Longer than any word that fits a line of ours; a hash or an address without blanks may then break.
LONG_WORD = 32
_FOUND_BY_THE_TEMPLATE = 200
# Each piece costs memory, so they are as long as a column of a table is wide.
_PIECE = 24
_WORD = re.compile(rf"\S{{{LONG_WORD},}}")
_JOINER = "\u200d"
# Marks on one letter, and what joiners join: more than these are no writing, and shaped as one they take all the memory.
_LONGEST_CLUSTER = 64
_PILED_FROM = 1_000


def breakable(text: str) -> list[str]:
    """The text in pieces between which it may break; whole where the template finds the places."""
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
    """Not between a letter and its marks, nor within what a joiner joins, as long as that can be writing."""
    begin = 0
    for at in range(1, len(word)):
        is_bound = at - begin < _LONGEST_CLUSTER and (word[at - 1] == _JOINER or _binds(word[at]))
        if at - begin >= _PIECE and not is_bound:
            yield word[begin:at]
            begin = at
    yield word[begin:]
