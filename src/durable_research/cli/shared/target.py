"""Which workflow or schedule a command is about: a whole id, its last characters, or without either the latest that fits.

The API takes whole ids only. Ends of ids are looked up here, through the whole list; two that match are an error that
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

SHORTEST_END = 6
UNFINISHED = tuple(status for status in Status if status not in FINAL)
_END = re.compile(r"[0-9a-z]{1,32}", re.ASCII)
_PAGE = 200
_HOW_TO_BEGIN = 'ask for a report: durable-research submit "…"'
# A command that finds nothing among so many has the id given to it.
_LOOKED_AT = 50

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Latest:
    """What a workflow must be to be taken without an id; `fits` reads the status body where the row tells too little."""

    statuses: Sequence[Status] = ()
    kind: Kind | None = None
    fits: Callable[[Row], bool] | None = None

    def rows(self, api: Api) -> Iterator[Row]:
        """Those that fit, newest first."""
        asked = {"status": [status.value for status in self.statuses], "kind": self.kind, "limit": _LOOKED_AT}
        body = api.get("/api/workflows", {name: value for name, value in asked.items() if value})
        for row in body["workflows"]:
            if self.fits is None or self.fits(api.get(f"/api/workflows/{row['workflow_id']}/status")):
                yield row


ANY = Latest()


def workflow_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command an optional ID, for `which_workflow`."""
    return click.argument("id", required=False, callback=id_or_end)(function)


def schedule_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same for `which_schedule`."""
    return click.argument("id", required=False, callback=_schedule_id_or_end)(function)


def which_workflow(api: Api, given: str | None, verb: str, latest: Latest = ANY) -> str:
    """The whole id of what is given: itself, the one that ends so, or the latest that fits, which is told on stderr."""
    if given is None:
        return _take(latest.rows(api), "workflow_id", verb, is_narrow=latest != ANY)
    return given if kind_of(given) else _ending(_all_workflows(api), given, "durable-research list")


def which_schedule(api: Api, given: str | None, verb: str, fits: Callable[[Row], bool] = lambda _: True) -> str:
    """The same among schedules."""
    if given is not None and is_schedule_id(given):
        return given
    rows = api.get("/api/schedules")["schedules"]
    if given is None:
        return _take((row for row in rows if fits(row)), "schedule_id", verb, is_narrow=True, of="schedule ")
    return _ending((row["schedule_id"] for row in rows), given, "durable-research schedule list")


def id_or_end(context: click.Context, parameter: click.Parameter, given: str | None) -> str | None:
    """Refuse what can be neither an id nor the end of one, before it becomes part of a path."""
    if given is not None and kind_of(given) is None:
        _check_end(given, "see the ids by: durable-research list")
    return given


def _schedule_id_or_end(context: click.Context, parameter: click.Parameter, given: str | None) -> str | None:
    if given is not None and not is_schedule_id(given):
        _check_end(given, "see them by: durable-research schedule list")
    return given


def _check_end(given: str, hint: str) -> None:
    if not _END.fullmatch(given):
        raise click.BadParameter(f"{clean(given)!r} is not an id, nor the end of one; {hint}")
    if len(given) < SHORTEST_END:
        raise click.BadParameter(f"{given!r} is too short: give the last {SHORTEST_END} characters of the id, or more")


def _take(rows: Iterator[Row], name: str, verb: str, *, is_narrow: bool, of: str = "") -> str:
    row = next(rows, None)
    if row is None:
        hint = f"see what there is: durable-research {of}list" if is_narrow else _HOW_TO_BEGIN
        stop(f"there is nothing to {verb}", hint, Exit.USAGE)
    id = clean(row[name])
    say(f"taking the latest to {verb}: {id} ({shorten(clean(row['title']), 80)})")
    return id


def _ending(ids: Iterator[str], end: str, list_command: str) -> str:
    found = [clean(id) for id in ids if id.endswith(end)]
    if not found:
        stop(f"there is none whose id ends in {end}", f"see what there is: {list_command}", Exit.USAGE)
    if len(found) > 1:
        ids_found = "".join(f"\n  {id}" for id in found)
        stop(f"{len(found)} ids end in {end}:{ids_found}", "give one of them whole, or more of its end", Exit.USAGE)
    return found[0]


def _all_workflows(api: Api) -> Iterator[str]:
    cursor: str | None = None
    while True:
        body = api.get("/api/workflows", {"limit": _PAGE} | ({"cursor": cursor} if cursor else {}))
        yield from (row["workflow_id"] for row in body["workflows"])
        cursor = body.get("next_cursor")
        if not cursor:
            return
