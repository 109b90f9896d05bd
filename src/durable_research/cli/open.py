"""`durable-research open`."""

import webbrowser

import click

from durable_research.cli.client import Api, user_verb, workflow_id
from durable_research.cli.terminal import as_json, clean, say

_FORMATS = ("pdf", "md", "html")


@click.command()
@click.argument("id", callback=workflow_id)
@click.option("--pdf", metavar="FILE", help="Write the PDF there instead; - is stdout.")
@click.option("--md", metavar="FILE", help="Write Markdown there instead; - is stdout.")
@click.option("--html", metavar="FILE", help="Write HTML there instead; - is stdout.")
@user_verb
def command(api: Api, in_json: bool, id: str, **files: str | None) -> None:
    """Print the address of a report, post or text and open it in the browser, or write a report to files.

    REST: GET /api/reports/ID.pdf, .md or .html; without a file GET /api/workflows/ID/status.
    """
    wanted = {form: files[form] for form in _FORMATS if files[form]}
    if list(wanted.values()).count("-") > (0 if in_json else 1):
        raise click.UsageError("stdout can hold one thing: name files for the others")
    if wanted:
        _write(api, id, {form: str(target) for form, target in wanted.items()}, in_json=in_json)
        return
    url = f"{api.server}{clean(api.get(f'/api/workflows/{id}/status')['page_url'])}"
    click.echo(as_json({"workflow_id": id, "url": url}) if in_json else url)
    if not webbrowser.open(url):
        say("there is no browser here; open the address elsewhere, or write a file: --pdf FILE")


def _write(api: Api, id: str, wanted: dict[str, str], *, in_json: bool) -> None:
    from durable_research.cli.files import STDOUT, write

    for form, target in wanted.items():
        data = api.get_bytes(f"/api/reports/{id}.{form}")
        write(target, data, is_text=form != "pdf")
        if target != STDOUT and not in_json:
            click.echo(target)
    if in_json:
        click.echo(as_json({"workflow_id": id, "files": wanted}))
