"""Letters that came in pieces."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_research.adapters.models.json.split_characters import GrowingText, join_split_characters


def grown(*pieces: str) -> str:
    text = GrowingText()
    for piece in pieces:
        text.add(piece)
        text.text.encode()  # the draft shown meanwhile can be encoded
    return text.whole


def escaped(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("pieces", "whole"),
    [
        (["Tides \ud83c", "\udf0a are high"], "Tides 🌊 are high"),
        (["a skull \ud83d", "\udc80"], "a skull 💀"),
        (["half \ud83c", " gone\n"], "half \ufffd gone\n"),
        (["half \ud83c\n"], "half \ufffd\n"),
        (["the other \udf0a half"], "the other \ufffd half"),
        ([escaped(b"\xf0\x9f"), escaped(b"\x8c\x8a") + " wave"], "🌊 wave"),
        ([escaped(b"\xed\xa0\xbc"), escaped(b"\xed\xbc\x8a")], "🌊"),
        ([escaped(b"caf\xe9 is Latin-1")], "caf\ufffd is Latin-1"),
        (["\ud83c"], "\ufffd"),
        (["whole 🌊", "", " text"], "whole 🌊 text"),
    ],
)
def test_split_surrogate_pairs_are_joined_and_lone_ones_replaced(pieces: list[str], whole: str) -> None:
    assert grown(*pieces) == whole


@given(st.text(), st.lists(st.integers(0, 60), max_size=6))
def test_a_text_split_within_characters_is_joined_unchanged(text: str, cuts: list[int]) -> None:
    units = text.encode("utf-16-le", "surrogatepass")
    places = [0, *sorted(2 * cut for cut in cuts if 2 * cut < len(units)), len(units)]
    halves = [units[one:other].decode("utf-16-le", "surrogatepass") for one, other in pairwise(places)]
    data = text.encode("utf-8", "surrogatepass")
    bytewise = [escaped(data[at : at + 1]) for at in range(len(data))]

    assert grown(*halves) == text
    assert grown(*bytewise) == text


@given(st.text(alphabet=st.characters(min_codepoint=0xD7FE, max_codepoint=0xE001)))
def test_the_joined_text_can_always_be_encoded(text: str) -> None:
    join_split_characters(text).encode()
