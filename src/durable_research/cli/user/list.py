"""`durable-research list`."""

import click

from durable_research.cli.shared.client import Api, user_verb, utf8
from durable_research.cli.shared.terminal import as_json, console, say
from durable_research.domain.workflows.workflow import Kind, Status


@click.command(name="list")
@click.option(
    "--status", multiple=True, type=click.Choice([one.value for one in Status]), help="Only these. May be repeated."
)
@click.option("--kind", type=click.Choice([one.value for one in Kind]), help="Only this kind.")
@click.option("--text", callback=utf8, help="Only with these words in the title.")
@click.option("--limit", type=int, default=20, show_default=True, help="At most so many, newest first.")
@user_verb
def command(api: Api, in_json: bool, status: tuple[str, ...], kind: str | None, text: str | None, limit: int) -> None:
    """List reports and other workflows, newest first.

    REST: GET /api/workflows.
    """
    query = {"status": status, "kind": kind, "text": text, "limit": limit}
    body = api.get("/api/workflows", {name: value for name, value in query.items() if value not in (None, ())})
    if in_json:
        click.echo(as_json(body, indent=2))
        return
    if not body["workflows"]:
        if status or kind or text:
            say("nothing matches; see all: durable-research list")
        else:
            say('nothing here; ask for a report: durable-research submit "…"')
        return
    from durable_research.cli.shared.views import workflows_table

    console().print(workflows_table(body["workflows"]))
    if body.get("next_cursor"):
        say("there are older ones; see more by --limit, or look for words by --text")
