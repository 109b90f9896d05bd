"""`durable-research decide`."""

import click

from durable_research.cli.client import Api, user_verb, workflow_id
from durable_research.cli.terminal import as_json, say


@click.command()
@click.argument("id", callback=workflow_id)
@click.argument("decision", type=click.Choice(["send-again", "give-up"]))
@user_verb
def command(api: Api, in_json: bool, id: str, decision: str) -> None:
    """Decide for a report that waits for you: pay for a new answer, or give it up.

    A model call may have been charged and its answer is lost; nobody can be asked. Send-again pays for one more call.

    REST: POST /api/workflows/ID/decide.
    """
    body = api.post(f"/api/workflows/{id}/decide", {"decision": decision.replace("-", "_")})
    if in_json:
        click.echo(as_json(body, indent=2))
        return
    click.echo(f"{id}: {'asks the model once more' if decision == 'send-again' else 'is given up'}")
    say(f"see it go on: durable-research watch {id}")
