"""`durable-research alarms`."""

import os
import sys
from pathlib import Path

import click

from durable_research.cli.experiments.chaos import command_line, own_folder
from durable_research.cli.shared.command import Exit, load_settings, stop


@click.command()
@click.option("--alerts", help="Only these, separated by commas, with what else their faults cause.")
@click.option("--patience", default=480.0, show_default=True, type=click.FloatRange(1),
              help="Seconds to wait for an alert to fire, and to be over.")  # fmt: skip
@click.option(
    "--data", type=click.Path(path_type=Path), help="Folder to keep. Default: one that is removed when all fired."
)
@click.option("--out", type=click.Path(path_type=Path), help="Write the page of Markdown here too.")
def command(alerts: str | None, patience: float, data: Path | None, out: Path | None) -> None:
    """Cause each alert once by a real fault, and measure how long it takes to fire and to resolve.

    On an installation of its own with Prometheus, whose rules are sixty times as fast. Less than half an hour.
    Exit code 1: an alert did not fire, or did not end.
    """
    os.environ.pop("OPENAI_API_KEY", None)  # the faults are the simulator's: they must not spend a key
    load_settings()
    from durable_research.experiments.alarms.alarm_run import AlarmRun, Options, as_markdown
    from durable_research.experiments.alarms.faults import SCENARIOS
    from durable_research.experiments.campaign.campaign import discard
    from durable_research.local.console import console

    known = {alert for scenario in SCENARIOS for alert in scenario.alerts}
    chosen = frozenset(alerts.split(",")) if alerts else frozenset()
    if unknown := sorted(chosen - known):
        stop(f"no fault causes {', '.join(unknown)}", f"there are {', '.join(sorted(known))}", Exit.USAGE)
    folder = own_folder(data)
    run = AlarmRun(Options(folder, chosen, patience), console(sys.stderr, prefix="alarms"))
    run.run()
    page = as_markdown(command_line(), run)
    click.echo(page)
    if out:
        out.write_text(page)
    if data is None and run.held:
        discard(folder)
    else:
        click.echo(f"everything is kept in {folder}", err=True)
    raise click.exceptions.Exit(int(Exit.OK if run.held else Exit.FAILED))
