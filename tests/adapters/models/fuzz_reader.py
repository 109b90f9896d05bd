"""Coverage-guided fuzzing of the reader, by hand: install `atheris`, then `python -m tests.adapters.models.fuzz_reader`.

Two promises: whatever bytes come, nothing leaves the reader but the errors of our tree; and whatever stands beside the text of
an answer that came whole, the answer is taken. Arguments are libFuzzer's, such as `-max_total_time=3600`.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import atheris

with atheris.instrument_imports(include=["durable_research.adapters.models"]):
    from durable_research.adapters.models.answers.reader import Reading
    from durable_research.adapters.models.json.events import Body, Piece
    from durable_research.domain.errors import ResearchError

_TEXT = "Tides rise and fall twice a day."
_BESIDE = ("usage", "model", "id", "created", "system_fingerprint", "service_tier", "x")


def _read(chunks: list[bytes]) -> str | None:
    """The answer's text, or None where the reader raises one of our errors."""
    body, reading = Body(), Reading("m", "asked", "sk-key")
    try:
        for chunk in chunks:
            for piece in body.feed(chunk):
                reading.feed(piece)
        for piece in body.end():
            reading.feed(piece)
        return reading.answer("id").text
    except ResearchError:
        return None


def _anything(data: "atheris.FuzzedDataProvider", depth: int = 0) -> Any:
    """Some JSON value."""
    kind = data.ConsumeIntInRange(0, 8 if depth < 3 else 5)
    if kind < 6:
        simple = (None, True, data.ConsumeInt(4), data.ConsumeFloat(), data.ConsumeUnicode(8), "")
        return simple[kind]
    inner = [_anything(data, depth + 1) for _ in range(data.ConsumeIntInRange(0, 3))]
    return inner if kind == 6 else {_BESIDE[place]: value for place, value in enumerate(inner)}


def _whole_stream(data: "atheris.FuzzedDataProvider") -> Iterator[str]:
    """A chat stream that holds the whole text and its end, with anything beside them."""
    half = len(_TEXT) // 2
    for content, reason in ((_TEXT[:half], None), (_TEXT[half:], None), (None, "stop")):
        choice = {"index": 0, "delta": {"content": content, "role": _anything(data)}, "finish_reason": reason}
        choice["logprobs"] = _anything(data)
        beside = {name: _anything(data) for name in _BESIDE if data.ConsumeBool()}
        yield json.dumps({**beside, "choices": [choice]})
    yield json.dumps({"choices": _anything(data), "usage": _anything(data)})


def one_input(fuzz_input: bytes) -> None:
    """The entry point for libFuzzer."""
    data = atheris.FuzzedDataProvider(fuzz_input)
    if data.ConsumeBool():
        sizes = [data.ConsumeIntInRange(1, 40) for _ in range(data.ConsumeIntInRange(0, 6))]
        rest = data.ConsumeBytes(4096)
        pieces = []
        for size in sizes:
            pieces.append(rest[:size])
            rest = rest[size:]
        _read([*pieces, rest])
        Reading("m", "a").feed(Piece(_anything(data)))
        return
    stream = "".join(f"data: {event}\n\n" for event in _whole_stream(data)) + "data: [DONE]\n\n"
    assert _read([stream.encode("utf-8", "surrogatepass")]) == _TEXT


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
