"""Terminal output: data on stdout, messages on stderr, without control sequences from users or models.

Every foreign text passes `clean`, and is passed to rich as a `Text`, never as markup.
"""

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

# C0 and C1 controls (escape sequences), line separators, direction marks, lone surrogates.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_CONTROL_IN_LINES = re.compile(_CONTROL.pattern.replace(r"\x00-\x1f", r"\x00-\x08\x0b-\x1f"))
_PIPED_WIDTH = 200


def clean(text: object) -> str:
    """One line that is safe to print; a terminal's control characters become U+FFFD."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", re.sub(r"[\r\n\t]+", " ", str(text)))


def clean_lines(text: str) -> str:
    """The same for a longer text, whose line ends and tabs stay."""
    return _CONTROL_IN_LINES.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def as_json(value: Any, indent: int | None = None) -> str:
    """JSON that is safe to print and parses to the same value."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _CONTROL_IN_LINES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def say(text: str) -> None:
    """Print one line on stderr."""
    click.echo(text, err=True)


def shorten(text: str, limit: int) -> str:
    """Cut the text to this many characters."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def console(*, stderr: bool = False) -> "Console":
    """A rich console that prints texts unchanged; wide when piped, so that lines are not wrapped."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    created = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not created.is_terminal:
        created.width = _PIPED_WIDTH
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")  # an encoding without ✔ prints a question mark instead of failing
    return created
