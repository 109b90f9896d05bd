"""Strict JSON by RFC 8259: one value, no duplicate keys, no NaN, numbers that every parser reads alike."""

import json
import re
from typing import Any, NoReturn

from durable_research.web.http.problems import Problem

DEEPEST = 32
_LARGEST_NUMBER = 2**53
# Outside strings a backslash is an error that the parser reports; here it must only not hide a quote.
_STRUCTURE = re.compile(r'\\.|["\[\]{}]', re.DOTALL)


def parse(data: bytes) -> Any:
    """Parse one JSON text.

    Raises:
        Problem: 400 with `invalid_utf8`, `too_deep`, `duplicate_key` or `malformed_json`.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise Problem(400, "invalid_utf8", "the body is not UTF-8") from None
    if text.startswith("\ufeff"):
        raise Problem(400, "malformed_json", "the body begins with a byte order mark")
    _check_depth(text)
    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_constant=_refuse_number, parse_int=_integer, parse_float=_decimal
        )
    except json.JSONDecodeError as error:
        raise Problem(
            400, "malformed_json", f"the body is not JSON: see line {error.lineno}, column {error.colno}"
        ) from None


def _check_depth(text: str) -> None:
    """Count brackets before parsing: the parser recurses, and a deep body must not reach its limit."""
    depth, in_string = 0, False
    for match in _STRUCTURE.finditer(text):
        mark = match[0]
        if mark == '"':
            in_string = not in_string
        elif in_string or mark.startswith("\\"):
            continue
        elif mark in "[{":
            depth += 1
            if depth > DEEPEST:
                raise Problem(400, "too_deep", f"the body is nested deeper than {DEEPEST} levels")
        else:
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Problem(400, "duplicate_key", "an object names the same key twice")
    return members


def _refuse_number(_: str) -> NoReturn:
    raise Problem(400, "malformed_json", "numbers must be finite and within 2^53")


def _integer(digits: str) -> int:
    # Length first: turning a long text into a number takes quadratic time.
    if len(digits) > 17 or abs(int(digits)) > _LARGEST_NUMBER:
        _refuse_number(digits)
    return int(digits)


def _decimal(digits: str) -> float:
    number = float(digits)
    if not abs(number) <= _LARGEST_NUMBER:
        _refuse_number(digits)
    return number
