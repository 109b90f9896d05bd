"""Reading unchecked JSON: any field may be missing, null, or of another type."""

from typing import Any

from durable_research.domain.ledger.usage import TokenUsage

# A part of the content with such a type is the model's reasoning, and not its answer.
_REASONING_KINDS = ("thinking", "reasoning", "thought", "analysis")
# Some gateways' ids have 225 characters.
_LONGEST_NAME = 500
# More than any model reads or writes; columns and sums hold it.
_MOST_TOKENS = 1_000_000_000


def as_dict(value: Any) -> dict[str, Any]:
    """Return the object, or an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """Return the list; a single object becomes a list of one, and anything else an empty one."""
    if isinstance(value, dict):
        return [value]
    return value if isinstance(value, list) else []


def as_name(value: Any) -> str:
    """Read an id or a name, which may be a number; empty where it is missing, or fits no row or address."""
    if isinstance(value, str):
        name = value.strip()
        return name if name.isprintable() and len(name) <= _LONGEST_NAME else ""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def text_of(content: Any, depth: int = 0) -> str:
    """Read the text of a content: a string, an object with a text, or a list of both; reasoning is left out."""
    if isinstance(content, str):
        return content
    if isinstance(content, (int, float)) and not isinstance(content, bool):
        return str(content)  # a token that a server took for a number
    if depth > 4:
        return ""
    if isinstance(content, list):
        return "".join(text_of(part, depth + 1) for part in content)
    if isinstance(content, dict) and not is_reasoning(content):
        return next(
            (text for name in ("text", "content", "value") if (text := text_of(content.get(name), depth + 1))), ""
        )
    return ""


def is_reasoning(part: Any) -> bool:
    """Whether a part of a content is reasoning."""
    kind = as_dict(part).get("type")
    return isinstance(kind, str) and any(word in kind.lower() for word in _REASONING_KINDS)


def has_reasoning_text(message: dict[str, Any]) -> bool:
    """Whether a message or delta contains reasoning, beside its content or within it."""
    if any(message.get(name) for name in ("reasoning_content", "reasoning", "thinking", "reasoning_details")):
        return True
    return any(is_reasoning(part) for part in as_list(message.get("content")))


_INPUT = ("prompt_tokens", "input_tokens")
_OUTPUT = ("completion_tokens", "output_tokens")


def tokens_of(usage: Any, read: str, written: str) -> TokenUsage:
    """Read the reported usage; a missing or impossible number is estimated, and the whole marked as estimated."""
    counts = as_dict(usage)
    read_tokens, written_tokens = (_count(counts, *names) for names in (_INPUT, _OUTPUT))
    guess = TokenUsage.estimate(read, written)
    return TokenUsage(
        input_tokens=read_tokens or guess.input_tokens,
        output_tokens=written_tokens or guess.output_tokens,
        is_estimate=not (read_tokens and written_tokens),
    )


def has_counts(usage: Any) -> bool:
    """Whether both numbers are reported."""
    return all(_count(as_dict(usage), *names) for names in (_INPUT, _OUTPUT))


def count_of(value: Any) -> int:
    """Read a number of tokens; 0 for an invalid one, since no real prompt or answer has 0 tokens."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0
    return int(value) if 0 < value <= _MOST_TOKENS and int(value) == value else 0


def _count(counts: dict[str, Any], *names: str) -> int:
    return next((count for name in names if (count := count_of(counts.get(name)))), 0)
