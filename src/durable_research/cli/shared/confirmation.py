"""Asking before something is ended, deleted or paid again: one way for all commands."""

import sys
from collections.abc import Callable
from typing import Any

import click

from durable_research.cli.shared.command import Exit
from durable_research.cli.shared.terminal import say


def yes_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--yes`, for `confirm`."""
    return click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")(function)


def confirm(question: str, effect: Callable[[], str], *, yes: bool) -> None:
    """Name the effect and ask; leave unless the answer is yes. The default is no, and without a terminal `--yes` is needed.

    `effect` is only called where there is no yes yet.
    """
    if yes:
        return
    say(effect())
    if not sys.stdin.isatty():
        raise click.UsageError("there is nobody to ask; add --yes")
    if not click.confirm(question, err=True):
        say("nothing was changed")
        raise click.exceptions.Exit(int(Exit.REFUSED))
