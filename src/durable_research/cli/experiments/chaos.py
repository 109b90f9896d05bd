"""`durable-research chaos`."""

import asyncio
import os
import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from durable_research.cli.shared.command import Exit, load_settings, stop
from durable_research.local.roles import ROLES

if TYPE_CHECKING:
    from durable_research.experiments.campaign.campaign import Campaign

_RESUMED = {(one, "generate-report") for one in ("K", "R", "L")}


@click.command()
@click.option("--reports", default=1000, show_default=True, type=click.IntRange(1), help="Reports to ask for.")
@click.option("--kills", default=60, show_default=True, type=click.IntRange(0), help="SIGKILLs at random times.")
@click.option("--pauses", type=click.IntRange(0), help="SIGSTOPs of 1-8 s. Default: a quarter of the kills.")
@click.option("--cuts", type=click.IntRange(0),
              help="Cuts of 1-8 s of the way to the provider. Default: an eighth of the kills.")  # fmt: skip
@click.option("--seed", default=1, show_default=True, type=int, help="Which faults, and when.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 16), help="Worker processes.")
@click.option("--gap", "mean_gap_seconds", default=4.0, show_default=True, type=click.FloatRange(0.1),
              help="Mean seconds between faults.")  # fmt: skip
@click.option("--at-once", default=12, show_default=True, type=click.IntRange(1), help="Most reports in flight.")
@click.option("--latency", "latency_seconds", default=1.0, show_default=True, type=click.FloatRange(0, 60),
              help="Seconds that a model call takes.")  # fmt: skip
@click.option("--class", "provider_class", default="L", show_default=True, type=click.Choice(["K", "R", "L", "N"]),
              help="What the model provider can be asked.")  # fmt: skip
@click.option("--pipeline", default="generate-report", show_default=True,
              type=click.Choice(["generate-report", "blog-post"]), help="What is asked for.")  # fmt: skip
@click.option("--quirks/--no-quirks", default=True, show_default=True,
              help="Have the provider be odd to most reports, each in a way of its own.")  # fmt: skip
@click.option("--resume", is_flag=True,
              help="First have every report fail, then resume it while everything but the provider dies.")  # fmt: skip
@click.option("--outage", help="First hold a server down: ROLE:SECONDS, such as postgres:60.")
@click.option("--kill-worker-in-a-row", "killed_in_a_row", default=0, type=click.IntRange(0),
              help="Then kill the same worker so often, each time it is back at work.")  # fmt: skip
@click.option(
    "--data", type=click.Path(path_type=Path), help="Folder to keep. Default: one that is removed when all held."
)
@click.option("--out", type=click.Path(path_type=Path), help="Write the page of Markdown here too.")
def command(data: Path | None, out: Path | None, outage: str | None, **size: Any) -> None:
    """Kill, pause and cut off everything at random under load, then count from outside.

    Runs an installation of its own with the simulator. Exit code 1: an invariant is broken. 2: the campaign proved nothing.
    """
    os.environ.pop("OPENAI_API_KEY", None)  # a campaign uses the simulator: it must not spend a key
    load_settings()
    from durable_research.experiments.campaign.campaign import Campaign, Options, discard
    from durable_research.local.console import console

    if size["resume"] and (size["provider_class"], size["pipeline"]) not in _RESUMED:
        stop(
            "only reports are resumed, and paid once only where the provider can be asked",
            "--class K, R or L",
            Exit.USAGE,
        )
    folder = own_folder(data)
    campaign = Campaign(Options(data=folder, outage=_outage(outage), **size), console(sys.stderr, prefix="chaos"))
    asyncio.run(campaign.run())
    code = write_page(campaign, out)
    if data is None and code == Exit.OK:
        discard(folder)
    else:
        click.echo(f"everything is kept in {folder}", err=True)
    raise click.exceptions.Exit(int(code))


def own_folder(data: Path | None) -> Path:
    """The folder for this command's own installation: `data`, or a new one."""
    folder = data or Path(tempfile.mkdtemp(prefix="durable-research-chaos-"))
    if (folder / "postgres").exists():
        stop(f"{folder} holds an installation already", "name a new folder: everything in it is counted")
    return folder


def command_line() -> str:
    """The command line, to repeat the run."""
    return shlex.join(["durable-research", *sys.argv[1:]])


def write_page(campaign: "Campaign", out: Path | None) -> Exit:
    """Write the page and return the exit code: broken takes precedence over void."""
    from durable_research.experiments.campaign.campaign_report import campaign_page
    from durable_research.experiments.evidence.invariants import check_invariants, void_reasons

    if campaign.evidence is None:
        stop("the campaign was interrupted", f"what there was is in {campaign.options.data}", Exit.INTERRUPTED)
    results, empty = check_invariants(campaign.evidence), void_reasons(campaign.evidence)
    page = campaign_page(command_line(), campaign.seconds, campaign.evidence, results, empty)
    click.echo(page)
    if out:
        out.write_text(page)
    if not all(result.held for result in results):
        return Exit.FAILED
    return Exit.USAGE if empty else Exit.OK


def _outage(text: str | None) -> tuple[str, float] | None:
    if text is None:
        return None
    role, _, seconds = text.partition(":")
    if role not in ROLES or not seconds.replace(".", "", 1).isdigit():
        stop(f"no such outage: {text}", f"write ROLE:SECONDS with one of {', '.join(ROLES)}", Exit.USAGE)
    return role, float(seconds)
