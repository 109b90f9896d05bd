"""Time zones: which there are, and which moment a clock on the wall of one of them means."""

import functools
import zoneinfo
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

ZONE_RULE = "must be an IANA time zone such as Europe/Berlin or UTC"


@functools.cache
def _names() -> frozenset[str]:
    """What this machine knows, without the files that name no place."""
    return frozenset((zoneinfo.available_timezones() | {"UTC"}) - {"localtime", "posixrules", "Factory"})


def zone_named(name: str) -> ZoneInfo | None:
    """The time zone of that IANA name, or None when this machine knows none."""
    return ZoneInfo(name) if name in _names() else None


def moment_of(wall: datetime, zone: ZoneInfo) -> datetime | None:
    """The moment in UTC when clocks of the zone show `wall`, or None when they skip it.

    Of the two moments that they show one time, when clocks are set back, it is the first.

    Raises:
        OverflowError: at the edges of the calendar.
    """
    moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return moment if moment.astimezone(zone).replace(tzinfo=None) == wall else None
