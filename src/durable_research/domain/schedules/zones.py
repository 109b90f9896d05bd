"""Time zones: their names, and the moment of a local time."""

import functools
import zoneinfo
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

ZONE_RULE = "must be an IANA time zone such as Europe/Berlin or UTC"


@functools.cache
def _names() -> frozenset[str]:
    """The names that this machine has, without the files that are no time zone."""
    return frozenset((zoneinfo.available_timezones() | {"UTC"}) - {"localtime", "posixrules", "Factory"})


def zone_named(name: str) -> ZoneInfo | None:
    """The time zone with that IANA name, or None when this machine has none."""
    return ZoneInfo(name) if name in _names() else None


def moment_of(wall: datetime, zone: ZoneInfo) -> datetime | None:
    """The moment in UTC of the local time `wall`, or None when it does not exist.

    A local time that occurs twice, when clocks are set back, is the first of the two moments.

    Raises:
        OverflowError: at the edges of the calendar.
    """
    moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return moment if moment.astimezone(zone).replace(tzinfo=None) == wall else None
