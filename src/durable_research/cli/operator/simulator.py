"""`durable-research simulator`: starts the separate program, without importing it."""

import os
import sys

import click


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Run the pretend model provider as a program of its own; its options are its own."""
    program = [sys.executable, "-m", "durable_research.simulator", *arguments]
    os.execv(sys.executable, program)  # noqa: S606  (our own program, and no shell)
