"""The patterns of the API's document accept exactly what the rules accept."""

import re
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from durable_research.domain.requests.patterns import LINE_PATTERN, TEXT_PATTERN
from durable_research.domain.requests.writing import Line, Text

SURROGATES = range(0xD800, 0xE000)


def accepts(adapter: TypeAdapter[str], text: str) -> bool:
    try:
        adapter.validate_python(text)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(("kind", "pattern"), [(Text, TEXT_PATTERN), (Line, LINE_PATTERN)], ids=["text", "line"])
def test_type_and_json_schema_pattern_agree_on_every_character(kind: Any, pattern: str) -> None:
    adapter, compiled = TypeAdapter[str](kind), re.compile(pattern)
    texts = [
        text for number in range(0x10000) if number not in SURROGATES for text in (chr(number), f"a{chr(number)}b")
    ]

    assert [text for text in texts if accepts(adapter, text) != bool(compiled.search(text))] == []


@pytest.mark.parametrize("text", ["", " ", "a\r\nb", "a\rb", "\r\n", "a\tb", "\u200b \u00ad", "\n\na\n"])
@pytest.mark.parametrize(("kind", "pattern"), [(Text, TEXT_PATTERN), (Line, LINE_PATTERN)], ids=["text", "line"])
def test_type_and_json_schema_pattern_agree_on_blanks_and_line_ends(kind: Any, pattern: str, text: str) -> None:
    assert accepts(TypeAdapter[str](kind), text) == bool(re.search(pattern, text))
