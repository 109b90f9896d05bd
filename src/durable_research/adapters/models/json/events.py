"""Parsing an answer's bytes, as they come, to JSON values: an event stream, one whole JSON text, or lines of JSON.

The first byte that is no blank decides which, not the content type: servers ignore `stream`, or name the type wrongly.
Bytes that are no UTF-8 become lone surrogates, which `split_characters` joins again: some servers split a letter in two.
Rejected: the SDK's stream, which ends at the first event without data, and libraries that decode each chunk by itself.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

_BOM = b"\xef\xbb\xbf"
_BLANKS = b" \t\r\n"
# Source: WHATWG HTML, "Server-sent events", read 2026-11-21: an event stream's lines begin with one of these.
_FIELDS = (b"data", b"event", b"id", b"retry", b"")
_DONE = "[DONE]"


class Mark(Enum):
    """The meaning of an event that is no JSON."""

    DONE = "done"  # the stream's own end
    DAMAGED = "damaged"  # it should have been JSON: part of the answer is missing from here on


class Shape(Enum):
    """The detected format of a body."""

    UNKNOWN = "unknown"  # nothing but blanks so far
    EVENTS = "events"
    JSON = "json"
    OTHER = "other"  # HTML or prose: no answer of a model


@dataclass(frozen=True)
class Piece:
    """One value of a body, and the name of its event, if it has one."""

    value: Any
    name: str = ""


@dataclass
class Body:
    """Parses a body's bytes in pieces of any size, and returns each value once it is complete."""

    shape: Shape = Shape.UNKNOWN
    _left: bytes = b""
    _name: str = ""
    _data: list[str] = field(default_factory=list)
    _after_return: bool = False

    @property
    def raw(self) -> bytes:
        """Return the whole body, if it is not an event stream."""
        return self._left

    def feed(self, data: bytes) -> Iterator[Piece]:
        self._left += data
        if self.shape is Shape.UNKNOWN:
            self.shape = _shape_of(self._left)
        if self.shape is Shape.EVENTS:
            yield from self._read_lines()

    def end(self) -> Iterator[Piece]:
        """Finish the body: an event without its closing line counts all the same."""
        if self.shape is Shape.EVENTS:
            self._left += b"\n\n"
            yield from self._read_lines()
        elif self.shape is Shape.JSON:
            yield from _values("", _decoded(self._left.removeprefix(_BOM)))

    def _read_lines(self) -> Iterator[Piece]:
        data = self._left.removeprefix(_BOM)
        # A carriage return at the end may be half of a line end: it waits for the next bytes.
        held = data.endswith(b"\r")
        *lines, self._left = re.split(rb"\r\n|\r|\n", data[:-1] if held else data)
        self._left += b"\r" if held else b""
        for line in lines:
            yield from self._read_line(line)

    def _read_line(self, line: bytes) -> Iterator[Piece]:
        if not line.strip():
            name, text, self._name, self._data = self._name, "\n".join(self._data), "", []
            yield from _values(name, text)
            return
        if line.lstrip().startswith(b"{"):
            self._data.append(_decoded(line))  # JSON without its `data:`, as in lines of JSON
            return
        field_name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field_name.strip() == b"data":
            self._data.append(_decoded(value))
        elif field_name.strip() == b"event":
            self._name = _decoded(value).strip()


def _shape_of(data: bytes) -> Shape:
    begins = data.removeprefix(_BOM).lstrip(_BLANKS)
    if not begins or _BOM.startswith(data):
        return Shape.UNKNOWN
    if begins[:1] in {b"{", b"["}:
        return Shape.JSON
    if any(begins.startswith((name + b":", name + b" :")) for name in _FIELDS):
        return Shape.EVENTS
    if any((name + b":").startswith(begins) for name in _FIELDS):
        return Shape.UNKNOWN  # the first letters of a field
    return Shape.OTHER


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _values(name: str, text: str) -> Iterator[Piece]:
    """Iterate over the values of one event: several, if a server omits the empty line between events."""
    if not text.strip():
        return
    try:
        yield Piece(_value(text), name)
    except (ValueError, RecursionError):
        lines = [line for line in text.split("\n") if line.strip()]
        for line in lines if len(lines) > 1 else []:
            yield from _values(name, line)
        if len(lines) == 1:
            yield Piece(_not_json(lines[0]), name)


def _value(text: str) -> Any:
    return Mark.DONE if text.strip() == _DONE else parsed(text)


def parsed(text: str) -> Any:
    """Parse a JSON text.

    Raises:
        ValueError, RecursionError: it is no JSON.
    """
    return json.loads(text, strict=False, parse_int=_number)


def _number(digits: str) -> float:
    # Python refuses to parse a number of thousands of digits, and no number is worth the loss of an answer.
    return int(digits) if len(digits) < 100 else float(digits)


def _not_json(line: str) -> Any:
    # A text that does not begin like JSON is noise of a proxy or a server ("ping"), or the message of an `error` event.
    return Mark.DAMAGED if line.lstrip()[:1] in {"{", "["} else line.strip()
