"""`durable-research open`."""

import webbrowser
from collections.abc import Mapping

import click

from durable_research.cli.shared.client import Api, user_verb
from durable_research.cli.shared.command import Exit, stop
from durable_research.cli.shared.target import ANY, Latest, which_workflow, workflow_argument
from durable_research.cli.shared.terminal import as_json, clean, say
from durable_research.domain.workflows.workflow import Kind, Status, kind_of

_REPORT_FORMATS = {"pdf": "PDF", "md": "Markdown", "html": "HTML"}
# Posts and checked texts have texts and no files: the text that each option writes.
_TEXT_FORMATS = {"md": "text", "summary": "summary"}
_FORMATS = (*_REPORT_FORMATS, "summary")


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
    targets = {form: target for form in _FORMATS if (target := files[form])}
    if list(targets.values()).count("-") > (0 if in_json else 1):
        raise click.UsageError("stdout can hold one thing: name files for the others")
    id = which_workflow(api, id, "open", _latest(targets))
    if targets:
        _write(api, id, targets, in_json=in_json)
        return
    url = f"{api.server}{clean(api.get(f'/api/workflows/{id}/status')['page_url'])}"
    click.echo(as_json({"workflow_id": id, "url": url}) if in_json else url)
    if not webbrowser.open(url):
        option = "--pdf" if _is_report(id) else "--md"
        say(f"there is no browser here; open the address elsewhere, or write a file: {option} FILE")


def _latest(targets: Mapping[str, str]) -> Latest:
    """Without an id: the latest one that has the requested files."""
    if not targets:
        return ANY
    kind = Kind.PROCESSING if "summary" in targets else Kind.REPORT if {"pdf", "html"} & set(targets) else None
    return Latest((Status.DONE,), kind)


def _is_report(id: str) -> bool:
    return kind_of(id) is Kind.REPORT


def _write(api: Api, id: str, targets: Mapping[str, str], *, in_json: bool) -> None:
    from durable_research.cli.shared.files import STDOUT, write

    written = {}
    for form, path in _addresses(api, id, targets).items():
        data, name = api.get_file(path)
        written[form] = write(targets[form], data, name, is_text=form != "pdf")
        if written[form] != STDOUT and not in_json:
            click.echo(clean(written[form]))
    if in_json:
        click.echo(as_json({"workflow_id": id, "files": written}))


def _failed_report_text(api: Api, id: str) -> dict[str, str]:
    """The address of a failed report's text; empty for any other report."""
    body = api.get(f"/api/workflows/{id}/status")
    if not (address := body.get("text_url")):
        return {}
    say(f"{id} is {clean(body['status'])}; this is its text as far as it was written, and as it was last corrected")
    say(f"go on with it, corrected or not: durable-research resume {id} [--text FILE]")
    return {"md": clean(address)}


def _addresses(api: Api, id: str, targets: Mapping[str, str]) -> dict[str, str]:
    """The address of each requested file; exits when one is missing, before anything is written."""
    if _is_report(id):
        if "summary" in targets:
            stop(f"{id} has no summary", f"write the report: durable-research open {id} --pdf FILE", Exit.USAGE)
        paths = {form: f"/api/reports/{id}.{form}" for form in targets}
        return paths | (_failed_report_text(api, id) if "md" in targets else {})
    hint = f"write its text instead: durable-research open {id} --md FILE"
    for form in targets:
        if form not in _TEXT_FORMATS:
            stop(f"{id} has no {_REPORT_FORMATS[form]}, which only reports have", hint, Exit.USAGE)
    texts = api.get(f"/api/workflows/{id}/result").get("texts", {})
    for form in targets:
        if _TEXT_FORMATS[form] not in texts:
            stop(f"{id} has no {_TEXT_FORMATS[form]}", hint, Exit.USAGE)
    return {form: f"/api/workflows/{id}/texts/{_TEXT_FORMATS[form]}" for form in targets}
