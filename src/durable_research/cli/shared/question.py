"""Shared by the commands that submit a question: how the question is read, and the options that describe it."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from durable_research.cli.shared.client import utf8
from durable_research.cli.shared.terminal import clean, say
from durable_research.domain.requests.addresses import is_address
from durable_research.domain.requests.report import CHANNELS

_LONGEST_KEY = 255


def _read_prompt(context: click.Context, parameter: click.Parameter, value: str) -> str:
    try:
        if value == "-":
            if sys.stdin.isatty():
                say("type the question; Ctrl-D on an empty line ends it")
            return sys.stdin.buffer.read().decode("utf-8-sig")
        if value.startswith("@"):
            return Path(value[1:]).read_bytes().decode("utf-8-sig")
        value.encode()
    except OSError as cause:
        raise click.BadParameter(f"cannot read {clean(value[1:])}: {cause.strerror}") from None
    except UnicodeError:
        raise click.BadParameter("the question is not UTF-8 text") from None
    return value


def _is_key(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not (0 < len(value) <= _LONGEST_KEY and all("!" <= char <= "~" for char in value)):
        raise click.BadParameter(f"a key has 1 to {_LONGEST_KEY} visible ASCII characters and no blanks")
    return value


def _is_channel(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for channel in value:
        if channel not in CHANNELS and not is_address(channel):
            raise click.BadParameter(f"{clean(channel)} is not one of {', '.join(CHANNELS)}, nor an https:// address")
    return value


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
    """Add the question as PROMPT to a command, and the options that describe it."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
