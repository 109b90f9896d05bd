"""`durable-research payload-key`."""

import click


@click.group()
def command() -> None:
    """Keys that seal what Temporal stores."""


@command.command()
def new() -> None:
    """Print a fresh key as PAYLOAD_KEYS wants it: put it first there, and keep the older ones behind it."""
    from durable_research.payload_keys import new_key

    click.echo(new_key())
