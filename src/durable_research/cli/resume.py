"""`durable-research resume`."""

import secrets
import sys
from typing import Any

import click

from durable_research.cli.approve import text_of
from durable_research.cli.client import Api, user_verb, workflow_id
from durable_research.cli.running import Exit, stop
from durable_research.cli.terminal import as_json, clean, say, shorten


@click.command()
@click.argument("id", required=False, callback=workflow_id)
@click.option(
    "--text",
    callback=text_of,
    metavar="FILE",
    help="Go on with the Markdown in this file; the model is not asked again.",
)
@click.option(
    "--accept-charge", "--yes", "accept_charge", is_flag=True, help="Do not ask: the model may be charged again."
)
@click.option("--wait", is_flag=True, help="Watch it until it is there; exit 1 if it fails again.")
@user_verb
def command(api: Api, in_json: bool, id: str | None, text: str | None, accept_charge: bool, wait: bool) -> None:
    """Go on with a report that failed or was terminated, from the step that failed; without ID the latest one.

    What was paid for is not paid again. Where that cannot be known it asks first, and needs --accept-charge without a
    terminal. Its text is written to a file by `durable-research open ID --md FILE`, to be corrected there.

    REST: POST /api/workflows/ID/resume.
    """
    if id is None:
        id = _latest(api)
        say(f"resuming {id}")
    if text is None and not accept_charge:
        accept_charge = _is_agreed(api.get(f"/api/workflows/{id}/status"))
    body = ({} if text is None else {"text": text}) | ({"accept_charge": True} if accept_charge else {})
    said, is_replay = api.submit(f"/api/workflows/{id}/resume", body, secrets.token_hex(16))
    if in_json:
        click.echo(as_json(said, indent=2))
    elif is_replay:
        click.echo(f"{id} had been resumed already")
    else:
        click.echo(f"{id} goes on{' with your text' if text is not None else ''}")
    if wait:
        from durable_research.cli.watching import tell_end, watch_run

        tell_end(api, watch_run(api, id, on_stdout=False))
    elif not in_json:
        say(f"see it go on: durable-research watch {id}")


def _latest(api: Api) -> str:
    which = {"status": ["failed", "terminated"], "kind": "report", "limit": 1}
    found = api.get("/api/workflows", which)["workflows"]
    if not found:
        stop("no report has failed", "see what there is: durable-research list", Exit.USAGE)
    return str(found[0]["workflow_id"])


def _is_agreed(body: dict[str, Any]) -> bool:
    """Whether a person has agreed to what may be charged again; nobody is asked about what is not."""
    offer = body.get("resume") or {}
    if not offer.get("may_charge_again"):
        return False
    say(f"{shorten(clean(body['title']), 100)}: {clean(offer.get('words', ''))}")
    if not sys.stdin.isatty():
        raise click.UsageError("there is nobody to ask; add --accept-charge (or --yes)")
    if not click.confirm("Resume it all the same?", err=True):
        say("nothing was changed")
        raise click.exceptions.Exit(int(Exit.REFUSED))
    return True
