"""`durable-research approve`."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from durable_research.cli.shared.client import Api, user_verb
from durable_research.cli.shared.command import Exit, stop
from durable_research.cli.shared.confirmation import confirm, yes_option
from durable_research.cli.shared.target import Latest, which_workflow, workflow_argument
from durable_research.cli.shared.terminal import as_json, clean, say, shorten
from durable_research.domain.wording import look
from durable_research.domain.workflows.workflow import Status

_REFUSAL_EFFECT = (
    "The report is cancelled, and nothing is made of the draft. What was charged stays charged. This cannot be undone."
)
_OUTCOMES = {
    "approve": "is approved and goes on",
    "edit": "goes on with your text",
    "refuse": "is refused and will be cancelled",
    None: "has your decision; it is taken as soon as a worker runs",
}


def text_of(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Read the file that an option names."""
    if value is None:
        return None
    try:
        return Path(value).read_bytes().decode("utf-8-sig")
    except OSError as cause:
        raise click.BadParameter(f"cannot read {clean(value)}: {cause.strerror}") from None
    except UnicodeError:
        raise click.BadParameter("the text is not UTF-8") from None


@click.command()
@workflow_argument
@click.option("--refuse", is_flag=True, help="Refuse the draft: the report is cancelled.")
@click.option("--edit", "text", callback=text_of, metavar="FILE", help="Go on with the Markdown in this file instead.")
@yes_option
@user_verb
def command(api: Api, in_json: bool, id: str | None, refuse: bool, text: str | None, yes: bool) -> None:
    """Approve the draft that waits for you, without ID the latest; refuse it, or go on with your own text.

    Read it first: on its page, or at /api/workflows/ID/draft.

    REST: POST /api/workflows/ID/approve.
    """
    if refuse and text is not None:
        raise click.UsageError("--refuse and --edit exclude each other")
    id = which_workflow(api, id, "approve", Latest((Status.WAITING_FOR_YOU,), fits=_waits_for_approval))
    status = api.get(f"/api/workflows/{id}/status")
    if not _waits_for_approval(status):
        stop(f"{id} does not wait for approval", f"look at it: durable-research show {id}", Exit.REFUSED)
    if refuse:
        title = shorten(clean(status["title"]), 100)
        confirm("Refuse it?", lambda: f"{title} ({look(status['status']).words})\n{_REFUSAL_EFFECT}", yes=yes)
    approval = status["asks"]
    decision = "refuse" if refuse else "approve" if text is None else "edit"
    body = {"decision": decision, "draft_sha256": approval["draft_sha256"]} | ({} if text is None else {"text": text})
    answer, _ = api.submit(f"/api/workflows/{id}/approve", body, secrets.token_hex(16))
    if in_json:
        click.echo(as_json(answer, indent=2))
        return
    click.echo(f"{id} {_OUTCOMES.get(answer.get('outcome'), 'is decided')}")
    say(f"see it go on: durable-research watch {id}")


def _waits_for_approval(status: Mapping[str, Any]) -> bool:
    return "draft_sha256" in (status.get("asks") or {})
