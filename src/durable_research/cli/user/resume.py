"""`durable-research resume`."""

import secrets
from collections.abc import Mapping
from typing import Any

import click

from durable_research.cli.shared.client import Api, user_verb
from durable_research.cli.shared.confirmation import confirm, yes_option
from durable_research.cli.shared.target import Latest, which_workflow, workflow_argument
from durable_research.cli.shared.terminal import as_json, clean, say, shorten
from durable_research.cli.user.approve import text_of
from durable_research.domain.workflows.workflow import RESUMABLE, Kind


@click.command()
@workflow_argument
@click.option(
    "--text",
    callback=text_of,
    metavar="FILE",
    help="Go on with the Markdown in this file; the model is not asked again.",
)
@yes_option
@click.option("--wait", is_flag=True, help="Watch it until it is there; exit 1 if it fails again.")
@user_verb
def command(api: Api, in_json: bool, id: str | None, text: str | None, yes: bool, wait: bool) -> None:
    """Go on with a report that failed or was terminated, from the step that failed; without ID the latest one.

    What was paid for is not paid again. Where that cannot be known it asks first, and needs --yes without a
    terminal. Its text is written to a file by `durable-research open ID --md FILE`, to be corrected there.

    REST: POST /api/workflows/ID/resume.
    """
    id = which_workflow(api, id, "resume", Latest(tuple(sorted(RESUMABLE)), Kind.REPORT))
    may_charge = text is None and (yes or _charge_is_accepted(api.get(f"/api/workflows/{id}/status")))
    body = ({} if text is None else {"text": text}) | ({"accept_charge": True} if may_charge else {})
    answer, is_replay = api.submit(f"/api/workflows/{id}/resume", body, secrets.token_hex(16))
    if in_json:
        click.echo(as_json(answer, indent=2))
    elif is_replay:
        click.echo(f"{id} had been resumed already")
    else:
        click.echo(f"{id} goes on{' with your text' if text is not None else ''}")
    if wait:
        from durable_research.cli.shared.live_view import report_end, watch_workflow

        report_end(api, watch_workflow(api, id, on_stdout=False))
    elif not in_json:
        say(f"see it go on: durable-research watch {id}")


def _charge_is_accepted(body: Mapping[str, Any]) -> bool:
    """Whether the model may be charged again and the user accepts it; without a possible charge there is no prompt."""
    offer = body.get("resume") or {}
    if not offer.get("may_charge_again"):
        return False
    text = f"{shorten(clean(body['title']), 100)}: {clean(offer.get('words', ''))}"
    confirm("Resume it all the same?", lambda: text, yes=False)
    return True
