"""`durable-research cancel`."""

import sys
from typing import Any

import click

from durable_research.cli.client import Api, user_verb, workflow_id
from durable_research.cli.running import Exit
from durable_research.cli.terminal import as_json, clean, say, shorten

_WHAT_HAPPENS = (
    "Its running step is stopped, a model call under way is cancelled at the provider, and there will be no report. "
    "What was charged so far stays charged. This cannot be undone."
)


@click.command()
@click.argument("id", callback=workflow_id)
@click.option("--yes", is_flag=True, help="Do not ask.")
@user_verb
def command(api: Api, in_json: bool, id: str, yes: bool) -> None:
    """Cancel a running report, after saying what that means.

    REST: POST /api/workflows/ID/cancel.
    """
    if not yes:
        _ask(api.get(f"/api/workflows/{id}/status"))
    body = api.post(f"/api/workflows/{id}/cancel")
    if in_json:
        click.echo(as_json(body, indent=2))
        return
    status = clean(body.get("status", "")).replace("_", " ")
    if status == "cancelled":
        click.echo(f"{id} is cancelled")
    else:
        click.echo(f"{id} will be cancelled (now {status})")
        say(f"see it end: durable-research watch {id}")


def _ask(body: dict[str, Any]) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("there is nobody to ask; add --yes")
    say(f"{shorten(clean(body['title']), 100)} ({clean(body['status']).replace('_', ' ')})")
    say(_WHAT_HAPPENS)
    if not click.confirm("Cancel it?", err=True):
        say("nothing was changed")
        raise click.exceptions.Exit(int(Exit.REFUSED))
