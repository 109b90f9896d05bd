"""`durable-research retry`."""

import click

from durable_research.cli.shared.client import Api, user_verb
from durable_research.cli.shared.target import Latest, which_workflow, workflow_argument
from durable_research.cli.shared.terminal import as_json, clean, say
from durable_research.domain.workflows.workflow import Status


@click.command()
@workflow_argument
@user_verb
def command(api: Api, in_json: bool, id: str | None) -> None:
    """Try now what waits for its next try, without ID the latest, as when its cause is mended. Attempts count on.

    REST: POST /api/workflows/ID/retry.
    """
    id = which_workflow(api, id, "retry", Latest((Status.RETRYING,)))
    body = api.post(f"/api/workflows/{id}/retry")
    if in_json:
        click.echo(as_json(body, indent=2))
        return
    click.echo(f"{id} tries now: {', '.join(clean(step) for step in body['steps'])}")
    say(f"see it go on: durable-research watch {id}")
