"""`durable-research init`."""

import asyncio

import click

from durable_research.cli.shared.command import Exit, load_settings, stop
from durable_research.cli.shared.installation import settings_from_up


@click.command()
@click.option("--patience", default=3.0, show_default=True, help="Seconds to wait for a server that is coming up.")
def command(patience: float) -> None:
    """Prepare the Temporal namespace: retention, search attributes, the reconcile schedule. Safe to repeat.

    Takes the server of TEMPORAL_ADDRESS, else that of the `up` that runs on the data folder.
    """
    from durable_research.bootstrap.preparing import prepare_engine
    from durable_research.domain.errors import InfrastructureDown

    try:
        done = asyncio.run(prepare_engine(load_settings(**settings_from_up()), patience))
    except InfrastructureDown as error:
        hint = "check TEMPORAL_ADDRESS, or start it with: durable-research up --only temporal"
        stop(error.detail, hint, Exit.UNREACHABLE)
    for line in done:
        click.echo(line)
