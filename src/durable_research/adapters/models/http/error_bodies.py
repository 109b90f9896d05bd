"""Reading any server's error body: its names, a status of its own, its message, and the fields that it names.

Servers and the gateways before them put the same things in different places, as strings or numbers.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from durable_research.adapters.models.json.events import parsed
from durable_research.adapters.models.json.split_characters import join_split_characters
from durable_research.adapters.models.json.untyped import as_list, as_name

_LONGEST_WORDS = 300
# How much of a long error is read, and how many letters in a row count as a quotation of the prompt.
_LONGEST_READ = 2_000
_LONGEST_PAGE = 8_000
_QUOTATION = 16
_DEEPEST = 5
# Read on 2026-11-28: code, type, message and param are OpenAI's (dfinke/PowerShellAI#127); status, and a list around it all,
# Google's (n4ze3m/page-assist#406); errors and status_code watsonx's (spring-ai-community/spring-ai-watsonx-ai#19); innererror
# Azure's (its schema innerErrorCode); reason stands in google-gemini/gemini-cli#11392. The others are not verified: a place
# that no server uses costs nothing, and a missing one would lose the difference between busy and refused.
_NAMES = ("code", "type", "status", "status_code", "reason", "error_code", "errorCode", "name")
_WORDS = ("message", "msg", "detail", "error", "error_description", "title")
_WITHIN = ("error", "errors", "detail", "details", "innererror", "inner_error", "fault", "cause")

# Like a key: a known beginning. `_is_secret` finds the others: a pattern for them took seconds on a long word.
_SECRETS = re.compile(
    r"""(?i:bearer)\s+\S+
      | \b(?:sk|pk|rk|gsk|xai|hf|ghp|nvapi|pplx|key|api|AIza)[-_A-Za-z0-9]*[-_][-\w*.]{6,}
      | \bAIza[-\w]{8,}""",
    re.VERBOSE,
)
_LONG_RUN = re.compile(r"[-\w+/=*]{4,}", re.ASCII)
_KEY_LENGTH = 20
_TAGS = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class Complaint:
    """The content of an error body; `names` are in small letters, `status` is an HTTP status within the body."""

    message: str = ""
    names: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()
    status: int | None = None


def complaint_of(value: Any) -> Complaint:
    """Read an error: the value of a body, or a part of it."""
    if isinstance(value, str):
        return Complaint(message=value)
    nodes = list(_nodes(value, 0))
    names = [as_name(node.get(name)) for node in nodes for name in _NAMES]
    # The innermost message is the nearest to the cause, but the outermost was written for the reader.
    words = (node[name] for node in nodes for name in _WORDS if isinstance(node.get(name), str) and node[name].strip())
    places = [as_name(part) for node in nodes for part in (node.get("param"), *as_list(node.get("loc")))]
    statuses = [int(name) for name in names if re.fullmatch(r"[3-5]\d\d", name)]
    return Complaint(
        message=next(words, ""),
        names=frozenset(name.lower() for name in names if name),
        fields=frozenset(place for place in places if place),
        status=statuses[0] if statuses else None,
    )


def complaint_in(body: bytes) -> Complaint:
    """Read an error's body; one that is no JSON has a message alone."""
    text = body.decode("utf-8", "replace").lstrip("\N{ZERO WIDTH NO-BREAK SPACE}")
    for candidate in (text, _first_data(text)):
        try:
            return complaint_of(parsed(candidate))
        except (ValueError, RecursionError):
            continue
    page = text[:_LONGEST_PAGE]
    title = _TITLE.search(page)
    return Complaint(message=title[1] if title else _TAGS.sub(" ", page))


def is_complaint(value: Any) -> bool:
    """Whether a JSON value without an answer reports an error."""
    if not isinstance(value, dict):
        return False
    return any(value.get(name) for name in (*_WITHIN, *_WORDS)) or value.get("object") == "error"


def shown(message: str, api_key: str, sent: str = "") -> str:
    """Shorten the provider's message to one line, without anything like a key or a quotation of the text `sent`."""
    text = join_split_characters(message)
    if len(api_key) > 3:
        text = text.replace(api_key, "…")
    text = _SECRETS.sub("…", text[:_LONGEST_READ])
    text = _LONG_RUN.sub(lambda run: "…" if _is_secret(run[0]) else run[0], text)
    words = _without_quotations(_on_one_line(text), _on_one_line(sent))
    return words if len(words) <= _LONGEST_WORDS else words[: _LONGEST_WORDS - 1] + "…"


def _is_secret(run: str) -> bool:
    """Whether it has stars that hide a middle, or is a long run of letters and digits unlike any word or model's name."""
    parts = re.split(r"[-_+/=*]", run)
    return "***" in run or any(len(part) >= _KEY_LENGTH and any(map(str.isdigit, part)) for part in parts)


def _on_one_line(text: str) -> str:
    return " ".join("".join(" " if unicodedata.category(one)[0] in "CZ" else one for one in text).split())


def _without_quotations(words: str, sent: str) -> str:
    """Remove long quotations of the prompt: errors go to logs and histories, and a prompt must not."""
    quoted = [False] * len(words)
    for start in range(len(words) - _QUOTATION + 1):
        if words[start : start + _QUOTATION] in sent:
            quoted[start : start + _QUOTATION] = [True] * _QUOTATION
    letters = []
    for place, letter in enumerate(words):
        if not quoted[place]:
            letters.append(letter)
        elif place == 0 or not quoted[place - 1]:
            letters.append("…")
    return "".join(letters)


def _first_data(text: str) -> str:
    """Return the data of an event stream's first event."""
    return next((line[5:].strip() for line in text.splitlines() if line.startswith("data:")), "")


def _nodes(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    """Iterate over the objects of an error, the outermost first."""
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for one in value[:20]:
            yield from _nodes(one, depth + 1)
    elif isinstance(value, dict):
        yield value
        for name in _WITHIN:
            yield from _nodes(value.get(name), depth + 1)
