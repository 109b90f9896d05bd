"""`durable-research watch`."""

import click

from durable_research.cli.shared.client import Api, user_verb
from durable_research.cli.shared.target import which_workflow, workflow_argument


@click.command()
@workflow_argument
@user_verb
def command(api: Api, in_json: bool, id: str | None) -> None:
    """Follow a report live, without ID the latest one; a lost connection is taken up where it broke.

    On a terminal a table; piped, or with -o json, the log's events as one JSON object a line. Exit 1 if the run fails.
    Ctrl-C only stops watching.

    REST: GET /api/workflows/ID/events (Server-Sent Events).
    """
    from durable_research.cli.shared.live_view import report_end, watch_workflow

    report_end(api, watch_workflow(api, which_workflow(api, id, "watch"), on_stdout=True, in_json=in_json))
