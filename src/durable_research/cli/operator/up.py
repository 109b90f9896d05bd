"""`durable-research up`."""

import asyncio
import sys
from pathlib import Path

import click

from durable_research.cli.shared.command import Exit, load_settings, port_option, stop
from durable_research.local.roles import EXTRAS, ROLES


@click.command()
@click.option("--data", type=click.Path(path_type=Path), envvar="DURABLE_RESEARCH_DATA", default=Path("data"),
              show_default=True, help="Folder that keeps everything; a second `up` on it continues where it was.")  # fmt: skip
@port_option
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 16), help="Worker processes.")
@click.option("--only", help=f"Start just these, separated by commas: {', '.join(ROLES)}.")
@click.option("--with", "extras", help=f"Start these besides, separated by commas: {', '.join(EXTRAS)}.")
@click.option("--factor", default=1.0, show_default=True, type=click.FloatRange(1, 3600),
              help="Make Prometheus' rules so many times as fast, to try alerts.")  # fmt: skip
def command(data: Path, port: int, workers: int, only: str | None, extras: str | None, factor: float) -> None:
    """Run everything on this machine, in the foreground.

    That is PostgreSQL, Temporal, the simulator (when no key is set), the web app and the workers.

    Addresses and process ids are in DATA/up.json while it runs. Ctrl-C stops everything and leaves nothing behind.
    """
    load_settings()  # mistakes are reported before anything is started
    from durable_research.local.console import console
    from durable_research.local.edition import run_edition
    from durable_research.local.plan import UpOptions

    chosen = tuple(only.split(",")) if only else None
    added = tuple(extras.split(",")) if extras else ()
    for wanted, known in ((chosen or (), ROLES), (added, EXTRAS)):
        if unknown := [name for name in wanted if name not in known]:
            stop(f"no such role: {', '.join(unknown)}", f"choose from {', '.join(known)}", Exit.USAGE)
    options = UpOptions(data=data, port=port, workers=workers, only=chosen, extras=added, factor=factor)
    raise click.exceptions.Exit(asyncio.run(run_edition(options, console(sys.stdout))))
