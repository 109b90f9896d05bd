"""`durable-research decide`."""

import click

from durable_research.cli.shared.client import Api, user_verb
from durable_research.cli.shared.confirmation import confirm, yes_option
from durable_research.cli.shared.target import Latest, id_or_suffix, which_workflow
from durable_research.cli.shared.terminal import as_json, say
from durable_research.domain.workflows.workflow import Status

_ANSWERS = {
    "send-again": "asks the model once more",
    "give-up": "is given up",
    "try-again": "tries it again",
    "go-without": "goes on without it",
}
# A decision that pays again or ends something is confirmed first.
_EFFECTS = {
    "send-again": "One more model call is made and charged. The earlier one may have been charged already.",
    "give-up": "It ends here, and what it had made is removed. What was charged stays charged. This cannot be undone.",
}


def _id_and_decision(
    context: click.Context, parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[str | None, str]:
    """One argument is the decision; with two, the first is the id."""
    if len(value) not in (1, 2):
        raise click.BadParameter("give the decision, and before it the id if it is not about the latest")
    decision = click.Choice(list(_ANSWERS)).convert(value[-1], parameter, context)
    return id_or_suffix(context, parameter, value[0] if len(value) == 2 else None), decision


@click.command()
@click.argument("about", nargs=-1, required=True, callback=_id_and_decision, metavar=f"[ID] [{'|'.join(_ANSWERS)}]")
@yes_option
@user_verb
def command(api: Api, in_json: bool, about: tuple[str | None, str], yes: bool) -> None:
    """Decide for what waits for you, without ID the latest: pay for a new answer, try again, go on without, or give it up.

    `durable-research show ID` tells what is asked and what can be answered. Send-again and give-up: a model call may have been
    charged and its answer is lost; nobody can be asked, and send-again pays for one more call. Try-again and give-up: the wait
    for a provider has ended; giving up undoes what a post or text had made. Go-without besides: a post's embedding was refused
    or could not be had; the post is kept without related texts. Try-again alone: what a failed post or text had made could
    not be removed.

    REST: POST /api/workflows/ID/decide.
    """
    target, decision = about
    decision_code = decision.replace("-", "_")
    latest = Latest(
        (Status.WAITING_FOR_YOU,), fits=lambda body: decision_code in (body.get("asks") or {}).get("decisions", ())
    )
    id = which_workflow(api, target, "decide on", latest)
    if decision in _EFFECTS:
        confirm(f"{decision.replace('-', ' ').capitalize()}?", lambda: f"{id}\n{_EFFECTS[decision]}", yes=yes)
    body = api.post(f"/api/workflows/{id}/decide", {"decision": decision_code})
    if in_json:
        click.echo(as_json(body, indent=2))
        return
    click.echo(f"{id}: {_ANSWERS[decision]}")
    say(f"see it go on: durable-research watch {id}")
