"""`durable-research outages`."""

import asyncio
import os
import sys
from pathlib import Path

import click

from durable_research.cli.experiments.chaos import command_line, own_folder
from durable_research.cli.shared.command import Exit, load_settings, stop


@click.command()
@click.option("--pace", default=1.0, show_default=True, type=click.FloatRange(0.001, 1.0),
              help="Shorten every outage: 0.02 makes seconds of minutes.")  # fmt: skip
@click.option("--outages", "wanted", help="Only these, separated by commas: long,loading,errors,cut.")
@click.option("--classes", default="K,R,L,N", show_default=True, help="Only these provider classes.")
@click.option(
    "--data", type=click.Path(path_type=Path), help="Folder to keep. Default: one that is removed when all held."
)
@click.option("--out", type=click.Path(path_type=Path), help="Write the page of Markdown here too.")
def command(pace: float, wanted: str | None, classes: str, data: Path | None, out: Path | None) -> None:
    """Have the provider write for minutes, load, fail and be cut off, and count what each report was billed.

    All outages last side by side, each with and without a death of the workers amid it; about a quarter of an hour in all.
    Exit code 1: a report was lost, or billed more often than promised or told.
    """
    os.environ.pop("OPENAI_API_KEY", None)  # the outages are the simulator's: they must not spend a key
    load_settings()
    from durable_research.experiments.campaign.campaign import discard
    from durable_research.experiments.outages.outage_run import Options, OutageRun, as_markdown
    from durable_research.experiments.outages.outages import OUTAGES
    from durable_research.local.console import console

    names = [one.name for one in OUTAGES]
    chosen = tuple(wanted.split(",")) if wanted else tuple(names)
    if unknown := sorted(set(chosen) - set(names)):
        stop(f"no such outage: {', '.join(unknown)}", f"there are {', '.join(names)}", Exit.USAGE)
    folder = own_folder(data)
    run = OutageRun(Options(folder, pace, chosen, tuple(classes.split(","))), console(sys.stderr, prefix="outages"))
    asyncio.run(run.run())
    page = as_markdown(command_line(), run)
    click.echo(page)
    if out:
        out.write_text(page)
    held = bool(run.results) and not any(one.broken for one in run.results)
    if data is None and held:
        discard(folder)
    else:
        click.echo(f"everything is kept in {folder}", err=True)
    raise click.exceptions.Exit(int(Exit.OK if held else Exit.FAILED))
