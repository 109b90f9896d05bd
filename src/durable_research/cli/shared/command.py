"""Shared by all operator commands: reading the settings, logging, running a coroutine, and the exit codes."""

from collections.abc import Coroutine
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NoReturn

import click

from durable_research.settings.defaults import DEFAULT_API_PORT

if TYPE_CHECKING:  # user commands must not import what only operators need
    from durable_research.settings.settings import Settings


port_option = click.option(
    "--port",
    default=DEFAULT_API_PORT,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port of pages and API.",
)


class Exit(IntEnum):
    """Exit codes of all commands."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    TIMED_OUT = 4
    REFUSED = 5
    INTERRUPTED = 130


def stop(message: str, hint: str, code: Exit = Exit.FAILED) -> NoReturn:
    """Print the error and the next command, and exit."""
    click.echo(f"error: {message}\n  {hint}", err=True)
    raise click.exceptions.Exit(int(code))


def load_settings(**overrides: Any) -> "Settings":
    """The settings; after mistakes, print all of them and exit with code 2."""
    from durable_research.settings import settings as settings_room
    from durable_research.settings.settings import SettingsInvalid

    try:
        return settings_room.load(**overrides)
    except SettingsInvalid as error:
        stop(f"the environment holds mistakes:\n{error}", "correct them; .env.example names every setting", Exit.USAGE)


def run_role(role: str, settings: "Settings", work: Coroutine[Any, Any, None]) -> None:
    """Run a long-lived role in the foreground, with its logs."""
    import uvloop

    from durable_research.bootstrap.logging import start_logging
    from durable_research.domain.errors import InfrastructureDown
    from durable_research.role_port.server import CannotListenThere

    start_logging(role, settings)
    try:
        uvloop.run(work)
    except InfrastructureDown as down:
        stop(f"{role} cannot run: {down.detail}", "see what is missing: durable-research doctor", Exit.UNREACHABLE)
    except CannotListenThere as error:
        stop(f"{role} cannot run: {error}", "each process needs an address of its own")
    except KeyboardInterrupt:
        raise click.exceptions.Exit(int(Exit.INTERRUPTED)) from None
