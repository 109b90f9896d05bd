"""Bytes in whatever pieces they come, to the JSON values in them."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_research.adapters.models.json.events import Body, Mark, Piece, Shape


def piece(*pieces: bytes) -> list[Any]:
    body = Body()
    found: list[Piece] = [one for piece in pieces for one in body.feed(piece)]
    return [one.value for one in [*found, *body.end()]]


def shape(data: bytes) -> Shape:
    body = Body()
    list(body.feed(data))
    return body.shape


@pytest.mark.parametrize(
    ("data", "values"),
    [
        (b'data: {"a": 1}\n\ndata: [DONE]\n\n', [{"a": 1}, Mark.DONE]),
        (b'data:{"a": 1}\r\n\r\ndata: {"a": 2}\r\n\r\n', [{"a": 1}, {"a": 2}]),
        (b'data: {"a": 1}\r\rdata: {"a": 2}\r\r', [{"a": 1}, {"a": 2}]),
        (b'\xef\xbb\xbfdata: {"a": 1}\n\n', [{"a": 1}]),
        (b'\n\n : hello\n\ndata:\n\ndata: \n\nevent: ping\n\ndata: {"a": 1}\n\n', [{"a": 1}]),
        (b'data: {"a": 1}', [{"a": 1}]),
        (b'data: {"a":\ndata: 1}\n\n', [{"a": 1}]),
        (b'data: {"a": 1}\ndata: {"a": 2}\ndata: [DONE]\n', [{"a": 1}, {"a": 2}, Mark.DONE]),
        (b'id: 7\nretry: 5\nevent: x\ndata: {"a": "one\ttab"}\n\n', [{"a": "one\ttab"}]),
        (b'data: ping\n\ndata: {"a": 1}\n\n', ["ping", {"a": 1}]),
        (b'data: {"a": 1}\n\ndata: {"a": \n\n', [{"a": 1}, Mark.DAMAGED]),
        (b'{"a": 1}', [{"a": 1}]),
        (b'\r\n  {\n "a": 1\n}\n', [{"a": 1}]),
        (b'{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
        (b'[{"a": 1}]', [[{"a": 1}]]),
        (b'{"a": 1', [Mark.DAMAGED]),
        (b'{"a": ' + b"9" * 5000 + b"}", [{"a": float("inf")}]),
        (b"", []),
        (b"\n\n", []),
    ],
)
def test_a_body_is_parsed_by_its_content_and_not_its_content_type(data: bytes, values: list[Any]) -> None:
    assert piece(data) == values


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"<!doctype html><p>hello", Shape.OTHER),
        (b"Ollama is running", Shape.OTHER),
        (b"identity service", Shape.OTHER),
        (b"data", Shape.UNKNOWN),
        (b"\xef\xbb", Shape.UNKNOWN),
        (b": comment", Shape.EVENTS),
        (b' {"a"', Shape.JSON),
    ],
)
def test_the_shape_of_a_body_is_recognised_by_its_first_bytes(data: bytes, expected: Shape) -> None:
    assert shape(data) is expected


TEXTS = st.lists(st.text(max_size=8), max_size=6)


@given(TEXTS, st.sampled_from(["\n", "\r\n", "\r"]), st.lists(st.integers(0, 200), max_size=8), st.booleans())
def test_the_split_into_chunks_does_not_change_the_parsed_events(
    texts: list[str], end: str, cuts: list[int], bom: bool
) -> None:
    lines = [f"data: {json.dumps({'t': text}, ensure_ascii=False)}{end}{end}" for text in texts]
    data = b"\xef\xbb\xbf" * bom + f": hello{end}{end}".encode() + "".join(lines).encode("utf-8", "surrogatepass")
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})

    assert piece(*[data[one:other] for one, other in pairwise(places)]) == piece(data)
    assert [one["t"] for one in piece(data)] == [json.loads(json.dumps(text)) for text in texts]


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_arbitrary_bytes_raise_no_error(pieces: list[bytes]) -> None:
    piece(*pieces)
    piece(b"data: ", *pieces)
    piece(b"{", *pieces)
