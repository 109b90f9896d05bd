"""The confirmation before a command ends, deletes or pays again; the same for all commands."""

import sys
from collections.abc import Callable
from typing import Any

import click

from durable_research.cli.shared.command import Exit
from durable_research.cli.shared.terminal import say


def yes_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--yes` to a command, for `confirm`."""
    return click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")(function)


def confirm(question: str, effect: Callable[[], str], *, yes: bool) -> None:
    """Print the effect and prompt; exit unless the answer is yes. The default is no; without a terminal `--yes` is required.

    `effect` is only called without `--yes`.
    """
    if yes:
        return
    say(effect())
    if not sys.stdin.isatty():
        raise click.UsageError("there is nobody to ask; add --yes")
    if not click.confirm(question, err=True):
        say("nothing was changed")
        raise click.exceptions.Exit(int(Exit.REFUSED))
