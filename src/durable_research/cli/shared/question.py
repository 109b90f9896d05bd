"""What every command that asks a question shares: how the question is read, and the options that describe it."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from durable_research.cli.shared.client import utf8
from durable_research.cli.shared.terminal import clean, say
from durable_research.domain.requests.addresses import is_address
from durable_research.domain.requests.report import CHANNELS

_KEY_LONGEST = 255


def _read_prompt(context: click.Context, parameter: click.Parameter, given: str) -> str:
    try:
        if given == "-":
            if sys.stdin.isatty():
                say("type the question; Ctrl-D on an empty line ends it")
            return sys.stdin.buffer.read().decode("utf-8-sig")
        if given.startswith("@"):
            return Path(given[1:]).read_bytes().decode("utf-8-sig")
        given.encode()
    except OSError as cause:
        raise click.BadParameter(f"cannot read {clean(given[1:])}: {cause.strerror}") from None
    except UnicodeError:
        raise click.BadParameter("the question is not UTF-8 text") from None
    return given


def _is_key(context: click.Context, parameter: click.Parameter, given: str | None) -> str | None:
    if given is not None and not (0 < len(given) <= _KEY_LONGEST and all("!" <= char <= "~" for char in given)):
        raise click.BadParameter(f"a key has 1 to {_KEY_LONGEST} visible ASCII characters and no blanks")
    return given


def _is_channel(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    for channel in given:
        if channel not in CHANNELS and not is_address(channel):
            raise click.BadParameter(f"{clean(channel)} is not one of {', '.join(CHANNELS)}, nor an https:// address")
    return given


_OPTIONS = (
    click.argument("prompt", callback=_read_prompt),
    click.option("--title", callback=utf8, help="Title of the report. Default: the beginning of the question."),
    click.option("--language", callback=utf8, metavar="CODE", help="Language to write in, like en or pt-BR."),
    click.option("--user", callback=utf8, help="For whom it is, as shown in the library."),
    click.option(
        "--notify",
        multiple=True,
        callback=_is_channel,
        metavar="CHANNEL",
        help=f"Whom to tell: {', '.join(CHANNELS)} or an https:// address. May be repeated.",
    ),
    click.option(
        "--key", callback=_is_key, help="Idempotency-Key: the same key never makes a second one. Default: random."
    ),
)


def question(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the question as PROMPT, and the options that describe it."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
