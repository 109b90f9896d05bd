"""`durable-research submit`."""

import json
import re
import secrets
from typing import Any

import click

from durable_research.cli.shared.client import Api, user_verb, utf8
from durable_research.cli.shared.command import Exit
from durable_research.cli.shared.question import question
from durable_research.cli.shared.terminal import as_json, clean, say
from durable_research.domain.workflows.approval import BEFORE_NOTIFY, BEFORE_PDF


def _is_name(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,63}", value):
        raise click.BadParameter("a pipeline's name has lower-case letters, digits and hyphens")
    return value


def _fields(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> dict[str, Any]:
    fields = {}
    for one in value:
        name, separator, text = one.partition("=")
        try:
            fields[name] = json.loads(text)
        except ValueError:
            separator = ""
        if not (name and separator):
            raise click.BadParameter(f"{clean(one)} is not FIELD=JSON, such as slack=false or user='\"Ada\"'")
    return fields


@click.command()
@question
@click.option(
    "--pipeline",
    default="generate-report",
    show_default=True,
    callback=_is_name,
    metavar="NAME",
    help="What to make of it, such as blog-post or ai-processing.",
)
@click.option(
    "--approval",
    type=click.Choice(["none", BEFORE_PDF, BEFORE_NOTIFY]),
    help="Wait for your approval of the draft, or of the report before it is told.",
)
@click.option(
    "--start-after",
    callback=utf8,
    metavar="TIME",
    help="Begin then, like 2026-11-22T09:00:00+01:00; a time that has passed is now.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    callback=_fields,
    metavar="FIELD=JSON",
    help="Another field of the pipeline's request, like slack=false. May be repeated.",
)
@click.option("--wait", is_flag=True, help="Watch it until it is there; exit 1 if it fails.")
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="With --wait: leave with exit 4.")
@click.option(
    "--out", type=click.Path(), metavar="FILE.pdf", help="Write the PDF there, or into that folder; implies --wait."
)
@user_verb
def command(api: Api, in_json: bool, prompt: str, pipeline: str, settings: dict[str, Any], key: str | None, wait: bool,
            timeout: float | None, out: str | None, **fields: Any) -> None:  # fmt: skip
    """Ask for a report, or for what another pipeline makes. PROMPT is the question, or @FILE, or - for stdin.

    Prints its id and its address. Ctrl-C while waiting only stops watching.

    REST: POST /api/workflows/PIPELINE (and with --wait GET /api/workflows/ID/events).
    """
    if timeout is not None and not (wait or out):
        raise click.UsageError("--timeout needs --wait")
    if out and pipeline != "generate-report":
        raise click.UsageError("only a report has a PDF; when the rest is done: durable-research open ID --md FILE")
    if out:
        from durable_research.cli.shared.files import check_writable

        check_writable(out)
    body = {"prompt": prompt} | {name: value for name, value in fields.items() if value} | settings
    accepted, is_replay = api.submit(f"/api/workflows/{pipeline}", body, key or secrets.token_hex(16))
    if is_replay:
        say("this key had been accepted before; here is what it started")
    output: dict[str, Any] = {"workflow_id": clean(accepted["workflow_id"]), "status": clean(accepted["status"])}
    output["url"] = f"{api.server}{clean(accepted['page_url'])}"
    if not in_json:
        click.echo(f"{output['workflow_id']}\n{output['url']}")
    try:
        if wait or out:
            _wait(api, output, timeout, out, in_json=in_json, is_report="report_id" in accepted)
    finally:
        if in_json:
            click.echo(as_json(output))


def _wait(
    api: Api, output: dict[str, Any], timeout: float | None, out: str | None, *, in_json: bool, is_report: bool
) -> None:
    from durable_research.cli.shared.live_view import report_end, watch_workflow

    if in_json:
        say(f"{output['workflow_id']} is accepted")  # stdout names it only at the end
    workflow = watch_workflow(api, output["workflow_id"], on_stdout=False, timeout=timeout)
    output["status"] = workflow.status
    report_end(api, workflow)
    if workflow.status == "partly_done":
        say(
            f"its record is not stored yet, which is tried again; then: durable-research open {workflow.workflow_id} --pdf FILE"
        )
        raise click.exceptions.Exit(int(Exit.FAILED if out else Exit.OK))
    if not is_report:
        return
    output["report"] = f"{api.server}/api/reports/{workflow.workflow_id}.pdf"
    if out:
        from durable_research.cli.shared.files import write

        output["report"] = write(out, *api.get_file(f"/api/reports/{workflow.workflow_id}.pdf"), is_text=False)
    if not in_json:
        click.echo(output["report"])
