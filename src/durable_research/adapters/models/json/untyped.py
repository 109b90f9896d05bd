"""What can be read out of JSON that nobody checked: any field may be missing, null, or of another type."""

from typing import Any

from durable_research.domain.ledger.usage import TokenUsage

# A part of the content with such a type is what the model thought, and not what it answers.
_THOUGHTS = ("thinking", "reasoning", "thought", "analysis")
# Some gateways' ids have 225 characters.
_LONGEST_NAME = 500
# More than any model reads or writes; columns and sums hold it.
_MOST_TOKENS = 1_000_000_000


def as_dict(value: Any) -> dict[str, Any]:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """The list; a single object is a list of one, and anything else an empty one."""
    if isinstance(value, dict):
        return [value]
    return value if isinstance(value, list) else []


def as_name(value: Any) -> str:
    """An id or a name, which may be a number; empty where there is none, or one that no row and no address could hold."""
    if isinstance(value, str):
        name = value.strip()
        return name if name.isprintable() and len(name) <= _LONGEST_NAME else ""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def text_of(content: Any, depth: int = 0) -> str:
    """The words in a content: a string, an object with a text, or a list of both; thoughts are left out."""
    if isinstance(content, str):
        return content
    if isinstance(content, (int, float)) and not isinstance(content, bool):
        return str(content)  # a token that a server took for a number
    if depth > 4:
        return ""
    if isinstance(content, list):
        return "".join(text_of(part, depth + 1) for part in content)
    if isinstance(content, dict) and not is_thought(content):
        return next(
            (text for name in ("text", "content", "value") if (text := text_of(content.get(name), depth + 1))), ""
        )
    return ""


def is_thought(part: Any) -> bool:
    """Whether a part of a content is reasoning."""
    kind = as_dict(part).get("type")
    return isinstance(kind, str) and any(word in kind.lower() for word in _THOUGHTS)


def holds_thoughts(message: dict[str, Any]) -> bool:
    """Whether a message or delta shows reasoning, beside its content or within it."""
    if any(message.get(name) for name in ("reasoning_content", "reasoning", "thinking", "reasoning_details")):
        return True
    return any(is_thought(part) for part in as_list(message.get("content")))


_INPUT = ("prompt_tokens", "input_tokens")
_OUTPUT = ("completion_tokens", "output_tokens")


def tokens_of(usage: Any, read: str, written: str) -> TokenUsage:
    """What was used, as told; what is not told, or cannot be, is estimated, and the whole marked so."""
    told = as_dict(usage)
    inwards, outwards = (_count(told, *names) for names in (_INPUT, _OUTPUT))
    guess = TokenUsage.estimate(read, written)
    return TokenUsage(
        input_tokens=inwards or guess.input_tokens,
        output_tokens=outwards or guess.output_tokens,
        is_estimate=not (inwards and outwards),
    )


def has_counts(usage: Any) -> bool:
    """Whether both numbers are told."""
    return all(_count(as_dict(usage), *names) for names in (_INPUT, _OUTPUT))


def count_of(value: Any) -> int:
    """A number of tokens; 0 for what is none, since nothing that was asked or answered takes none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0
    return int(value) if 0 < value <= _MOST_TOKENS and int(value) == value else 0


def _count(told: dict[str, Any], *names: str) -> int:
    return next((count for name in names if (count := count_of(told.get(name)))), 0)
