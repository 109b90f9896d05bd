"""`durable-research show`."""

from collections.abc import Mapping
from typing import Any

import click

from durable_research.cli.shared.client import Api, user_verb
from durable_research.cli.shared.target import which_workflow, workflow_argument
from durable_research.cli.shared.terminal import as_json, clean, console
from durable_research.domain.wording import plural


@click.command()
@workflow_argument
@user_verb
def command(api: Api, in_json: bool, id: str | None) -> None:
    """Show one workflow, without ID the latest one: steps, attempts, workers, charges, what it waits for, the last errors.

    REST: GET /api/workflows/ID/status.
    """
    id = which_workflow(api, id, "show")
    body = api.get(f"/api/workflows/{id}/status")
    if in_json:
        click.echo(as_json(body, indent=2))
        return
    from rich.text import Text

    from durable_research.cli.shared.views import status_text, steps_table
    from durable_research.cli.shared.workflow_view import parse_step

    out = console()
    out.print(Text(clean(body["title"]), style="bold"))
    out.print(Text.assemble(Text(f"{clean(body['workflow_id'])}  "), status_text(body["status"])))
    out.print()
    out.print(steps_table([parse_step(step) for step in body["steps"]]))
    out.print()
    for name, text in _facts(api, body).items():
        if text:
            out.print(Text.assemble(Text(f"{name:<10}", style="dim"), clean(text)))


def _facts(api: Api, body: Mapping[str, Any]) -> dict[str, str | None]:
    from durable_research.cli.shared.views import resume_words

    error, embedded, id = body.get("error"), body["embedding_charges"], body["workflow_id"]
    remedy = (error or body.get("asks") or {}).get("remedy") or {}
    return {
        "charges": _charges("model call", body["charges"]),
        "besides": _charges("embedding", embedded) if any(embedded.values()) else None,
        "workers": f"{body['workers']['live']} live",
        "waits for": (body.get("waits_for") or {}).get("what"),
        "cancel": "asked for" if body.get("cancel_requested") and body["status"] != "cancelled" else None,
        "error": f"{error.get('code')}: {error.get('detail')}" if error else None,
        "remedy": remedy.get("words"),
        "resume": resume_words(id, offer) if (offer := body.get("resume")) else None,
        "text": f"durable-research open {id} --md FILE" if body.get("text_url") else None,
        "asked": body["created_at"],
        "page": f"{api.server}{clean(body['page_url'])}",
        "temporal": body.get("temporal_ui_url"),
    }


def _charges(call: str, charges: Mapping[str, int]) -> str:
    settled, extra = charges["settled"], charges["possible_extra"]
    text = f"{plural(settled, call)} charged"
    if not extra:
        return text
    return (
        f"{text}, and perhaps {extra} more: sent, and no answer whether {'it was' if extra == 1 else 'they were'} taken"
    )
