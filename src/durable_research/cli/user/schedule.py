"""`durable-research schedule`."""

import secrets
from typing import Any

import click

from durable_research.cli.shared.client import Api, user_verb, utf8
from durable_research.cli.shared.confirmation import confirm, yes_option
from durable_research.cli.shared.question import question
from durable_research.cli.shared.target import schedule_argument, which_schedule
from durable_research.cli.shared.terminal import as_json, clean, console, say, shorten


@click.group()
def command() -> None:
    """Ask a question again and again: each time makes an ordinary report."""


@command.command()
@question
@click.option(
    "--every",
    required=True,
    callback=utf8,
    metavar="RHYTHM",
    help="An interval such as 6h, 1d, 2w, or a cron line of five fields such as '0 9 * * 1-5'.",
)
@click.option(
    "--timezone", callback=utf8, metavar="ZONE", help="What a cron line means, like Europe/Berlin. Default: UTC."
)
@user_verb
def add(api: Api, in_json: bool, prompt: str, key: str | None, **fields: Any) -> None:
    """Make a schedule. PROMPT is the question, or @FILE, or - for stdin. Prints its id.

    An interval is counted from now; the first report is asked for when it has passed once. A cron line's time that clocks skip
    when they are changed is skipped, one that comes twice is asked once.

    REST: POST /api/schedules.
    """
    body = {"prompt": prompt} | {name: value for name, value in fields.items() if value}
    schedule, is_replay = api.submit("/api/schedules", body, key or secrets.token_hex(16))
    if is_replay:
        say("this key had been accepted before; here is that schedule")
    if in_json:
        click.echo(as_json(schedule, indent=2))
        return
    click.echo(clean(schedule["schedule_id"]))
    say(f"first report: {clean(schedule.get('next_at') or 'not yet known')}")


@command.command(name="list")
@user_verb
def list_(api: Api, in_json: bool) -> None:
    """List schedules, newest first.

    REST: GET /api/schedules.
    """
    body = api.get("/api/schedules")
    if in_json:
        click.echo(as_json(body, indent=2))
        return
    if not body["schedules"]:
        say('nothing here; make one: durable-research schedule add "…" --every 1d')
        return
    from durable_research.cli.shared.views import schedules_table

    console().print(schedules_table(body["schedules"]))


@command.command()
@schedule_argument
@user_verb
def pause(api: Api, in_json: bool, id: str | None) -> None:
    """Ask no more until it is resumed, without ID the latest that is not paused; again is no error.

    REST: POST /api/schedules/ID/pause.
    """
    id = which_schedule(api, id, "pause", lambda row: not row["paused"])
    body = api.post(f"/api/schedules/{id}/pause")
    click.echo(as_json(body, indent=2) if in_json else f"{id} is paused")


@command.command()
@schedule_argument
@user_verb
def resume(api: Api, in_json: bool, id: str | None) -> None:
    """Ask again from the next time on, without ID the latest that is paused; what was missed is not made up for.

    REST: POST /api/schedules/ID/resume.
    """
    id = which_schedule(api, id, "resume", lambda row: bool(row["paused"]))
    body = api.post(f"/api/schedules/{id}/resume")
    click.echo(as_json(body, indent=2) if in_json else f"{id} goes on; next: {clean(body.get('next_at') or 'never')}")


@command.command()
@schedule_argument
@yes_option
@user_verb
def delete(api: Api, in_json: bool, id: str | None, yes: bool) -> None:
    """Remove a schedule for good, without ID the latest; reports that it asked for stay.

    REST: DELETE /api/schedules/ID.
    """
    id = which_schedule(api, id, "delete")
    confirm("Delete it?", lambda: _effect(api, id), yes=yes)
    api.delete(f"/api/schedules/{id}")
    click.echo(as_json({"schedule_id": id, "deleted": True}, indent=2) if in_json else f"{id} is deleted")


def _effect(api: Api, id: str) -> str:
    row = next((row for row in api.get("/api/schedules")["schedules"] if row["schedule_id"] == id), None)
    title = shorten(clean(row["title"]), 100) if row else id
    return f"{title}\nIt asks no more, for good; the reports that it asked for stay. This cannot be undone."
