"""`durable-research approve`."""

import secrets
from pathlib import Path

import click

from durable_research.cli.client import Api, user_verb, workflow_id
from durable_research.cli.running import Exit, stop
from durable_research.cli.terminal import as_json, clean, say

_OUTCOMES = {
    "approve": "is approved and goes on",
    "edit": "goes on with your text",
    "refuse": "is refused and will be cancelled",
    None: "has your decision; it is taken as soon as a worker runs",
}


def text_of(context: click.Context, parameter: click.Parameter, given: str | None) -> str | None:
    """The text in a file, for an option that names one."""
    if given is None:
        return None
    try:
        return Path(given).read_bytes().decode("utf-8-sig")
    except OSError as cause:
        raise click.BadParameter(f"cannot read {clean(given)}: {cause.strerror}") from None
    except UnicodeError:
        raise click.BadParameter("the text is not UTF-8") from None


@click.command()
@click.argument("id", callback=workflow_id)
@click.option("--refuse", is_flag=True, help="Refuse the draft: the report is cancelled.")
@click.option("--edit", "text", callback=text_of, metavar="FILE", help="Go on with the Markdown in this file instead.")
@user_verb
def command(api: Api, in_json: bool, id: str, refuse: bool, text: str | None) -> None:
    """Approve the draft that waits for you, refuse it, or go on with your own text.

    Read it first: on its page, or at /api/workflows/ID/draft.

    REST: POST /api/workflows/ID/approve.
    """
    if refuse and text is not None:
        raise click.UsageError("--refuse and --edit exclude each other")
    asked = api.get(f"/api/workflows/{id}/status").get("asks") or {}
    if "draft_sha256" not in asked:
        stop(f"{id} does not wait for approval", f"look at it: durable-research show {id}", Exit.REFUSED)
    decision = "refuse" if refuse else "approve" if text is None else "edit"
    body = {"decision": decision, "draft_sha256": asked["draft_sha256"]} | ({} if text is None else {"text": text})
    said, _ = api.submit(f"/api/workflows/{id}/approve", body, secrets.token_hex(16))
    if in_json:
        click.echo(as_json(said, indent=2))
        return
    click.echo(f"{id} {_OUTCOMES.get(said.get('outcome'), 'is decided')}")
    say(f"see it go on: durable-research watch {id}")
