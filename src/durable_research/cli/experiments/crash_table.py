"""`durable-research crash-table`."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from durable_research.cli.experiments.chaos import command_line, own_folder
from durable_research.cli.shared.command import Exit, load_settings, stop

if TYPE_CHECKING:
    from durable_research.experiments.crash_points import Cell
    from durable_research.experiments.crash_table.table import CrashTable


@click.command()
@click.option("--runs", default=3, show_default=True, type=click.IntRange(1), help="Runs of each line of the table.")
@click.option(
    "--other-runs", type=click.IntRange(1), help="Runs of each line that is not a model call's; default --runs."
)
@click.option("--seed", default=1, show_default=True, type=int, help="Order of the runs and lengths of the freezes.")
@click.option("--points", help="Only these, separated by commas: E1,E3,A2.")
@click.option("--classes", default="K,R,L,N", show_default=True, help="Only these provider classes.")
@click.option("--side-by-side", default=6, show_default=True, type=click.IntRange(1, 24), help="Installations at once.")
@click.option(
    "--data", type=click.Path(path_type=Path), help="Folder to keep. Default: one that is removed when all held."
)
@click.option("--out", type=click.Path(path_type=Path), help="Write the page of Markdown here too.")
@click.option("--json", "every_run", type=click.Path(path_type=Path), help="Write every run with its proof here.")
def command(
    runs: int,
    other_runs: int | None,
    seed: int,
    points: str | None,
    classes: str,
    side_by_side: int,
    data: Path | None,
    out: Path | None,
    every_run: Path | None,
) -> None:
    """Kill a process at every crash point, again and again, and count what was billed.

    Exit code 1: a report was lost, a bill is higher than promised or told, or a run never met its point.
    """
    os.environ.pop("OPENAI_API_KEY", None)  # the table uses the simulator: it must not spend a key
    load_settings()
    from durable_research.experiments.campaign.campaign import discard
    from durable_research.experiments.crash_table.table import CrashTable, TableOptions
    from durable_research.experiments.crash_table.table_report import promise_held
    from durable_research.local.console import console

    cells = _cells(points, classes)
    folder = own_folder(data)
    table = CrashTable(
        TableOptions(cells, runs, other_runs or runs, seed, side_by_side, folder),
        console(sys.stderr, prefix="crash-table"),
    )
    asyncio.run(table.run())
    _write_results(table, out, every_run)
    held = promise_held(table.results)
    if data is None and held:
        discard(folder)
    else:
        click.echo(f"everything is kept in {folder}", err=True)
    raise click.exceptions.Exit(int(Exit.OK if held else Exit.FAILED))


def _cells(points: str | None, classes: str) -> "tuple[Cell, ...]":
    from durable_research.experiments.crash_points import CHANNELS, cells

    found = cells(tuple(points.split(",")) if points else None, tuple(classes.split(",")), CHANNELS)
    if not found:
        stop(
            "no line of the table has such a point and class",
            "E1-E9, A1-A4, P1, P2, D1, S2, of resuming A7, A8, RE1-RE9, RA3, RA4; K, R, L, N",
            Exit.USAGE,
        )
    return tuple(found)


def _write_results(table: "CrashTable", out: Path | None, every_run: Path | None) -> None:
    from durable_research.experiments.crash_table.table_report import as_json, as_markdown

    if not table.results:
        stop("the table was interrupted", f"what there was is in {table.options.data}", Exit.INTERRUPTED)
    page = as_markdown(command_line(), table.seconds, table.results)
    click.echo(page)
    if out:
        out.write_text(page)
    if every_run:
        every_run.write_text(as_json(table.results))
