"""Talking to a terminal: data on stdout, talk on stderr, and nothing that a person or model wrote can steer it.

Every text that is not ours goes through `clean`, and reaches rich as a `Text`, never as markup.
"""

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

# C0 and C1 controls (escape sequences), line separators, what turns the writing direction, half characters.
_STEERING = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_STEERING_IN_LINES = re.compile(_STEERING.pattern.replace(r"\x00-\x1f", r"\x00-\x08\x0b-\x1f"))
_PIPED_WIDTH = 200


def clean(text: object) -> str:
    """One line that is safe to print; what could steer a terminal becomes U+FFFD."""
    return _STEERING.sub("\N{REPLACEMENT CHARACTER}", re.sub(r"[\r\n\t]+", " ", str(text)))


def clean_lines(text: str) -> str:
    """The same for a longer text, whose line ends and tabs stay."""
    return _STEERING_IN_LINES.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def as_json(value: Any, indent: int | None = None) -> str:
    """JSON that is safe to print; the same value comes out when it is parsed."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _STEERING_IN_LINES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def say(text: str) -> None:
    """A line of talk, on stderr."""
    click.echo(text, err=True)


def shorten(text: str, longest: int) -> str:
    """At most so many characters."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def console(*, stderr: bool = False) -> "Console":
    """A rich console that takes texts as they are; wide when piped, so that lines stay lines."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not made.is_terminal:
        made.width = _PIPED_WIDTH
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")  # a terminal that knows no ✔ shows a question mark instead of failing
    return made
