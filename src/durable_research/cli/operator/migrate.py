"""`durable-research migrate`."""

import click

from durable_research.cli.shared.command import Exit, load_settings, stop
from durable_research.cli.shared.installation import settings_from_up


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 1 when the schema is behind.")
def command(check: bool) -> None:
    """Bring the database's schema to the newest version; a second migrator waits for the first.

    Takes the database of DATABASE_URL, else that of the `up` that runs on the data folder.
    """
    from durable_research.bootstrap.preparing import database_versions, migrate_database
    from durable_research.domain.errors import InfrastructureDown

    settings = load_settings(**settings_from_up())
    try:
        if not check:
            migrate_database(settings)
        current, newest = database_versions(settings)
    except InfrastructureDown as error:
        stop(
            error.detail, "check DATABASE_URL, or start it with: durable-research up --only postgres", Exit.UNREACHABLE
        )
    if current != newest:
        stop(f"the schema is at {current or 'nothing'}, the newest is {newest}", "run: durable-research migrate")
    click.echo(f"schema is at {current}")
