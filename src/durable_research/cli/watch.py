"""`durable-research watch`."""

import click

from durable_research.cli.client import Api, user_verb, workflow_id
from durable_research.cli.running import Exit, stop
from durable_research.cli.terminal import say


@click.command()
@click.argument("id", required=False, callback=workflow_id)
@user_verb
def command(api: Api, in_json: bool, id: str | None) -> None:
    """Follow a report live, without ID the latest one; a lost connection is taken up where it broke.

    On a terminal a table; piped, or with -o json, the log's events as one JSON object a line. Exit 1 if the run fails.
    Ctrl-C only stops watching.

    REST: GET /api/workflows/ID/events (Server-Sent Events).
    """
    from durable_research.cli.watching import tell_end, watch_run

    if id is None:
        id = _latest(api)
        say(f"watching {id}")
    tell_end(api, watch_run(api, id, on_stdout=True, in_json=in_json))


def _latest(api: Api) -> str:
    found = api.get("/api/workflows", {"limit": 1})["workflows"]
    if not found:
        stop("there is nothing to watch", 'ask for a report: durable-research submit "…"', Exit.USAGE)
    return str(found[0]["workflow_id"])
