"""`durable-research cancel`."""

import click

from durable_research.cli.shared.client import Api, user_verb
from durable_research.cli.shared.confirmation import confirm, yes_option
from durable_research.cli.shared.target import UNFINISHED, Latest, which_workflow, workflow_argument
from durable_research.cli.shared.terminal import as_json, clean, say, shorten
from durable_research.domain.wording import look
from durable_research.domain.workflows.workflow import Status

_CANCEL_EFFECT = (
    "Its running step is stopped, a model call under way is cancelled at the provider, and there will be no report. "
    "What was charged so far stays charged. This cannot be undone."
)


@click.command()
@workflow_argument
@yes_option
@user_verb
def command(api: Api, in_json: bool, id: str | None, yes: bool) -> None:
    """Cancel what runs, without ID the latest, after saying what that means.

    REST: POST /api/workflows/ID/cancel.
    """
    id = which_workflow(api, id, "cancel", Latest(UNFINISHED))
    confirm("Cancel it?", lambda: _effect(api, id), yes=yes)
    body = api.post(f"/api/workflows/{id}/cancel")
    if in_json:
        click.echo(as_json(body, indent=2))
        return
    status = clean(body.get("status", ""))
    if status == Status.CANCELLED:
        click.echo(f"{id} is cancelled")
    else:
        click.echo(f"{id} will be cancelled (now {look(status).words})")
        say(f"see it end: durable-research watch {id}")


def _effect(api: Api, id: str) -> str:
    body = api.get(f"/api/workflows/{id}/status")
    return f"{shorten(clean(body['title']), 100)} ({look(clean(body['status'])).words})\n{_CANCEL_EFFECT}"
