"""Cron lines at clock changes: a local time that does not exist makes no report, one that occurs twice makes one report.

Temporal has other rules there (measured with 1.31.2, see the guide to schedules): it moves a nonexistent time where clocks
are put forward by half an hour, and fires once or twice at a repeated one, by zone. Firings are checked by the rule here;
the spec in Temporal stays the line that a person wrote.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from durable_research.domain.requests.moments import read_moment
from durable_research.domain.schedules.schedule import is_cron, names_time
from durable_research.domain.schedules.zones import zone_named

# Clocks are put forward by two hours at most (Antarctica/Troll).
_LONGEST_CHANGE = timedelta(hours=3)
# The suffix of the id of a firing's workflow in Temporal.
_DUE_LENGTH = len("-2026-11-22T09:00:00Z")


def is_left_out(firing_id: str, every: str, timezone: str) -> bool:
    """Whether a firing is due at a nonexistent local time. A firing triggered by hand may be due at any time."""
    zone, due = _cron_zone(every, timezone), _due(firing_id)
    # Cron lines fire at whole minutes: a firing with seconds was triggered by hand.
    return zone is not None and due is not None and due.second == 0 and _is_moved(due, every, zone)


def once_id(firing_id: str, every: str, timezone: str) -> str:
    """The firing's id, the same for two firings at the same local time."""
    zone, due = _cron_zone(every, timezone), _due(firing_id)
    if zone is None or due is None or not _comes_twice(due, zone):
        return firing_id
    return f"{firing_id[:-_DUE_LENGTH]}-{_wall(due, zone).isoformat()}"


def next_report_time(times: Iterable[datetime], past: Sequence[datetime], every: str, timezone: str) -> datetime | None:
    """The first of the engine's next times that makes a report; `past` are the latest firings."""
    zone = _cron_zone(every, timezone)
    for at in times:
        if zone is None:
            return at
        is_second = _comes_twice(at, zone) and any(_wall(one, zone) == _wall(at, zone) for one in past if one < at)
        if not is_second and not _is_moved(at, every, zone):
            return at
    return None


def _cron_zone(every: str, timezone: str) -> ZoneInfo | None:
    return zone_named(timezone) if is_cron(every) else None


def _due(firing_id: str) -> datetime | None:
    return read_moment(firing_id[1 - _DUE_LENGTH :])


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    """The local time in the zone."""
    return moment.astimezone(zone).replace(tzinfo=None)


def _is_moved(due: datetime, every: str, zone: ZoneInfo) -> bool:
    """Whether the line does not name this time, and clocks were put forward just before it."""
    before = (due - _LONGEST_CHANGE).astimezone(zone).utcoffset()
    now = due.astimezone(zone).utcoffset()
    return bool(before is not None and now is not None and now > before) and not names_time(every, _wall(due, zone))


def _comes_twice(moment: datetime, zone: ZoneInfo) -> bool:
    wall = _wall(moment, zone)
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return first < second
