"""`durable-research decide`."""

import click

from durable_research.cli.client import Api, user_verb, workflow_id
from durable_research.cli.terminal import as_json, say

_ANSWERS = {
    "send-again": "asks the model once more",
    "give-up": "is given up",
    "try-again": "tries it again",
    "go-without": "goes on without it",
}


@click.command()
@click.argument("id", callback=workflow_id)
@click.argument("decision", type=click.Choice(list(_ANSWERS)))
@user_verb
def command(api: Api, in_json: bool, id: str, decision: str) -> None:
    """Decide for what waits for you: pay for a new answer, try it again, go on without it, or give it up.

    `durable-research show ID` tells what is asked and what can be answered. Send-again and give-up: a model call may have been
    charged and its answer is lost; nobody can be asked, and send-again pays for one more call. Try-again and give-up: the wait
    for a provider has ended; giving up undoes what a post or text had made. Go-without besides: a post's embedding was refused
    or could not be had; the post is kept without related texts. Try-again alone: what a failed post or text had made could
    not be removed.

    REST: POST /api/workflows/ID/decide.
    """
    body = api.post(f"/api/workflows/{id}/decide", {"decision": decision.replace("-", "_")})
    if in_json:
        click.echo(as_json(body, indent=2))
        return
    click.echo(f"{id}: {_ANSWERS[decision]}")
    say(f"see it go on: durable-research watch {id}")
