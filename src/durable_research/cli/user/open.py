"""`durable-research open`."""

import webbrowser
from collections.abc import Mapping

import click

from durable_research.cli.shared.client import Api, user_verb
from durable_research.cli.shared.command import Exit, stop
from durable_research.cli.shared.target import ANY, Latest, which_workflow, workflow_argument
from durable_research.cli.shared.terminal import as_json, clean, say
from durable_research.domain.workflows.workflow import Kind, Status, kind_of

_OF_REPORTS = {"pdf": "PDF", "md": "Markdown", "html": "HTML"}
# What else is made has texts and no files: which of them each option writes.
_TEXTS = {"md": "text", "summary": "summary"}
_FORMATS = (*_OF_REPORTS, "summary")


@click.command()
@workflow_argument
@click.option("--pdf", metavar="FILE", help="Write the PDF of a report.")
@click.option("--md", metavar="FILE", help="Write Markdown of a report, or the text of a post or checked text.")
@click.option("--html", metavar="FILE", help="Write HTML of a report.")
@click.option("--summary", metavar="FILE", help="Write the summary of a checked text.")
@user_verb
def command(api: Api, in_json: bool, id: str | None, **files: str | None) -> None:
    """Print the address of a report, post or text and open it in the browser, or write it to a FILE.

    Without ID it is the latest one that has what is wanted. FILE may be - for stdout, or a folder, where the file gets the name
    that the installation gives it.

    Of a report that has failed, --md writes the text that was paid for.

    REST: GET /api/reports/ID.pdf, .md or .html, for posts, texts and failed reports /api/workflows/ID/texts/NAME; without a
    file GET /api/workflows/ID/status.
    """
    wanted = {form: target for form in _FORMATS if (target := files[form])}
    if list(wanted.values()).count("-") > (0 if in_json else 1):
        raise click.UsageError("stdout can hold one thing: name files for the others")
    id = which_workflow(api, id, "open", _latest(wanted))
    if wanted:
        _write(api, id, wanted, in_json=in_json)
        return
    url = f"{api.server}{clean(api.get(f'/api/workflows/{id}/status')['page_url'])}"
    click.echo(as_json({"workflow_id": id, "url": url}) if in_json else url)
    if not webbrowser.open(url):
        option = "--pdf" if _is_report(id) else "--md"
        say(f"there is no browser here; open the address elsewhere, or write a file: {option} FILE")


def _latest(wanted: Mapping[str, str]) -> Latest:
    """Without an id: what has the files that are asked for."""
    if not wanted:
        return ANY
    kind = Kind.PROCESSING if "summary" in wanted else Kind.REPORT if {"pdf", "html"} & set(wanted) else None
    return Latest((Status.DONE,), kind)


def _is_report(id: str) -> bool:
    return kind_of(id) is Kind.REPORT


def _write(api: Api, id: str, wanted: Mapping[str, str], *, in_json: bool) -> None:
    from durable_research.cli.shared.files import STDOUT, write

    written = {}
    for form, path in _addresses(api, id, wanted).items():
        data, name = api.get_file(path)
        written[form] = write(wanted[form], data, name, is_text=form != "pdf")
        if written[form] != STDOUT and not in_json:
            click.echo(clean(written[form]))
    if in_json:
        click.echo(as_json({"workflow_id": id, "files": written}))


def _paid_text(api: Api, id: str) -> dict[str, str]:
    """Where the text of a report is that has failed; nothing of another."""
    body = api.get(f"/api/workflows/{id}/status")
    if not (address := body.get("text_url")):
        return {}
    say(f"{id} is {clean(body['status'])}; this is its text as far as it was written, and as it was last corrected")
    say(f"go on with it, corrected or not: durable-research resume {id} [--text FILE]")
    return {"md": clean(address)}


def _addresses(api: Api, id: str, wanted: Mapping[str, str]) -> dict[str, str]:
    """Where each of them is; leaves when one is not, before anything is written."""
    if _is_report(id):
        if "summary" in wanted:
            stop(f"{id} has no summary", f"write the report: durable-research open {id} --pdf FILE", Exit.USAGE)
        made = {form: f"/api/reports/{id}.{form}" for form in wanted}
        return made | (_paid_text(api, id) if "md" in wanted else {})
    instead = f"write its text instead: durable-research open {id} --md FILE"
    for form in wanted:
        if form not in _TEXTS:
            stop(f"{id} has no {_OF_REPORTS[form]}, which only reports have", instead, Exit.USAGE)
    there_are = api.get(f"/api/workflows/{id}/result").get("texts", {})
    for form in wanted:
        if _TEXTS[form] not in there_are:
            stop(f"{id} has no {_TEXTS[form]}", instead, Exit.USAGE)
    return {form: f"/api/workflows/{id}/texts/{_TEXTS[form]}" for form in wanted}
