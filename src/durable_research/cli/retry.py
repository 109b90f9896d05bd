"""`durable-research retry`."""

import click

from durable_research.cli.client import Api, user_verb, workflow_id
from durable_research.cli.terminal import as_json, clean, say


@click.command()
@click.argument("id", callback=workflow_id)
@user_verb
def command(api: Api, in_json: bool, id: str) -> None:
    """Try now what waits for its next try, as when its cause is mended. Attempts count on.

    REST: POST /api/workflows/ID/retry.
    """
    body = api.post(f"/api/workflows/{id}/retry")
    if in_json:
        click.echo(as_json(body, indent=2))
        return
    click.echo(f"{id} tries now: {', '.join(clean(step) for step in body['steps'])}")
    say(f"see it go on: durable-research watch {id}")
