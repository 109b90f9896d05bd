"""The workflow or schedule of a command: by its full id, by its last characters, or the latest that matches.

The API accepts full ids only. The suffix of an id is looked up here, in the complete list; two matches are an error that
names both.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from durable_research.cli.shared.client import Api
from durable_research.cli.shared.command import Exit, stop
from durable_research.cli.shared.terminal import clean, say, shorten
from durable_research.domain.schedules.schedule import is_schedule_id
from durable_research.domain.workflows.workflow import FINAL, Kind, Status, kind_of

SHORTEST_SUFFIX = 6
UNFINISHED = tuple(status for status in Status if status not in FINAL)
_ID_SUFFIX = re.compile(r"[0-9a-z]{1,32}", re.ASCII)
_PAGE = 200
_SUBMIT_HINT = 'ask for a report: durable-research submit "…"'
# A command that finds no match among that many requires an id.
_ROWS_SEARCHED = 50

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Latest:
    """The conditions for the latest workflow without an id; `fits` checks the status body where the row is not enough."""

    statuses: Sequence[Status] = ()
    kind: Kind | None = None
    fits: Callable[[Row], bool] | None = None

    def rows(self, api: Api) -> Iterator[Row]:
        """The matching workflows, newest first."""
        query = {"status": [status.value for status in self.statuses], "kind": self.kind, "limit": _ROWS_SEARCHED}
        body = api.get("/api/workflows", {name: value for name, value in query.items() if value})
        for row in body["workflows"]:
            if self.fits is None or self.fits(api.get(f"/api/workflows/{row['workflow_id']}/status")):
                yield row


ANY = Latest()


def workflow_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add an optional ID to a command, for `which_workflow`."""
    return click.argument("id", required=False, callback=id_or_suffix)(function)


def schedule_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same for `which_schedule`."""
    return click.argument("id", required=False, callback=_schedule_id_or_suffix)(function)


def which_workflow(api: Api, value: str | None, verb: str, latest: Latest = ANY) -> str:
    """The full id for an argument: itself, the one with this suffix, or the latest match, which is printed on stderr."""
    if value is None:
        return _latest_id(latest.rows(api), "workflow_id", verb, is_narrow=latest != ANY)
    return value if kind_of(value) else _id_with_suffix(_all_workflows(api), value, "durable-research list")


def which_schedule(api: Api, value: str | None, verb: str, fits: Callable[[Row], bool] = lambda _: True) -> str:
    """The same among schedules."""
    if value is not None and is_schedule_id(value):
        return value
    rows = api.get("/api/schedules")["schedules"]
    if value is None:
        return _latest_id(
            (row for row in rows if fits(row)), "schedule_id", verb, is_narrow=True, command_group="schedule "
        )
    return _id_with_suffix((row["schedule_id"] for row in rows), value, "durable-research schedule list")


def id_or_suffix(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse a text that is neither an id nor the suffix of one, before it becomes part of a path."""
    if value is not None and kind_of(value) is None:
        _check_suffix(value, "see the ids by: durable-research list")
    return value


def _schedule_id_or_suffix(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not is_schedule_id(value):
        _check_suffix(value, "see them by: durable-research schedule list")
    return value


def _check_suffix(value: str, hint: str) -> None:
    if not _ID_SUFFIX.fullmatch(value):
        raise click.BadParameter(f"{clean(value)!r} is not an id, nor the end of one; {hint}")
    if len(value) < SHORTEST_SUFFIX:
        raise click.BadParameter(
            f"{value!r} is too short: give the last {SHORTEST_SUFFIX} characters of the id, or more"
        )


def _latest_id(rows: Iterator[Row], name: str, verb: str, *, is_narrow: bool, command_group: str = "") -> str:
    row = next(rows, None)
    if row is None:
        hint = f"see what there is: durable-research {command_group}list" if is_narrow else _SUBMIT_HINT
        stop(f"there is nothing to {verb}", hint, Exit.USAGE)
    id = clean(row[name])
    say(f"taking the latest to {verb}: {id} ({shorten(clean(row['title']), 80)})")
    return id


def _id_with_suffix(ids: Iterator[str], suffix: str, list_command: str) -> str:
    found = [clean(id) for id in ids if id.endswith(suffix)]
    if not found:
        stop(f"there is none whose id ends in {suffix}", f"see what there is: {list_command}", Exit.USAGE)
    if len(found) > 1:
        ids_found = "".join(f"\n  {id}" for id in found)
        stop(f"{len(found)} ids end in {suffix}:{ids_found}", "give one of them whole, or more of its end", Exit.USAGE)
    return found[0]


def _all_workflows(api: Api) -> Iterator[str]:
    cursor: str | None = None
    while True:
        body = api.get("/api/workflows", {"limit": _PAGE} | ({"cursor": cursor} if cursor else {}))
        yield from (row["workflow_id"] for row in body["workflows"])
        cursor = body.get("next_cursor")
        if not cursor:
            return
