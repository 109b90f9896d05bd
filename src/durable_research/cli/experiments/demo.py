"""`durable-research demo`, which `make demo` runs."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from durable_research.cli.shared.command import Exit, load_settings, port_option, stop

if TYPE_CHECKING:
    from durable_research.local.up import Up


@click.command()
@click.option("--once", is_flag=True, help="Stop everything after the proof; exit 0 when it holds, else 1.")
@click.option("--data", type=click.Path(path_type=Path), envvar="DURABLE_RESEARCH_DATA", default=Path("data"),
              show_default=True, help="Folder that keeps everything.")  # fmt: skip
@port_option
def command(once: bool, data: Path, port: int) -> None:
    """Survive a real worker kill, and prove it from outside.

    Starts everything with the simulator, asks for a report, waits until the provider has accepted the paid call, kills the
    worker that holds it, and counts what happened. Then the app stays up until Ctrl-C.
    """
    from durable_research.experiments.demo import Demo, DemoFailed
    from durable_research.local.console import console
    from durable_research.local.edition import Finished, run_edition
    from durable_research.local.plan import UpOptions

    # The demo uses the simulator: it must not spend a key of the environment.
    os.environ.pop("OPENAI_API_KEY", None)
    # Its proof counts the PDFs in the data folder.
    os.environ.pop("OBJECT_STORE_URL", None)
    load_settings()  # mistakes are reported before anything is started
    say = console(sys.stdout, prefix="demo")
    demo_run = Demo(data.resolve(), say)

    async def run_demo(up: "Up") -> None:
        await demo_run.run(up)
        if once:
            raise Finished
        say("The app stays up; Ctrl-C stops it.")

    try:
        code = asyncio.run(run_edition(UpOptions(data=data, port=port), say, run_demo))
    except DemoFailed as error:
        stop(f"the demo stopped: {error}", f"look into {data}/logs", Exit.FAILED)
    held = demo_run.result is not None and not demo_run.result.failures()
    raise click.exceptions.Exit(code or (Exit.OK if held else Exit.FAILED))
