"""A recurring question: its request, its rhythm and its time zone."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from durable_research.domain.requests.patterns import described
from durable_research.domain.requests.report import NotifiedReportRequest, ReportRequest
from durable_research.domain.schedules.zones import ZONE_RULE, zone_named

ID_PREFIX = "recurring-"
MOST_SCHEDULES = 100
ID_PATTERN = rf"{ID_PREFIX}[0-9a-f]{{32}}"
_ID = re.compile(ID_PATTERN, re.ASCII)

_INTERVAL = re.compile(r"([1-9][0-9]{0,5})([smhdw])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SHORTEST, _LONGEST = timedelta(minutes=1), timedelta(days=366)

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_DAY_NAMES = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True)
class _CronField:
    """One field of a cron line: values from `low` to `high`, and names for values."""

    noun: str
    low: int
    high: int
    names: Mapping[str, int] = field(default_factory=dict)

    @property
    def refusal(self) -> PydanticCustomError:
        """The error for any other value."""
        names = list(self.names)
        values = f"{self.low} to {self.high}" + (f" or {names[0]} to {names[-1]}" if names else "")
        return PydanticCustomError(
            "pattern", f"has a {self.noun} that is not understood: values are {values}, ranges go upwards"
        )


_CRON_FIELDS = (
    _CronField("minute", 0, 59),
    _CronField("hour", 0, 23),
    _CronField("day of the month", 1, 31),
    _CronField("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, start=1)}),
    _CronField("day of the week", 0, 7, {name: number for number, name in enumerate(_DAYS)}),
)
_CRON_ITEM = re.compile(r"(?:\*|([0-9a-z]{1,3})(?:-([0-9a-z]{1,3}))?)(?:/([0-9]{1,2}))?", re.ASCII)
# For the OpenAPI document; the rules check values, ranges and names.
_EVERY_PATTERN = r"^\s*([1-9][0-9]{0,5}[smhdw]|[0-9A-Za-z*,/-]+(\s+[0-9A-Za-z*,/-]+){4})\s*$"
_ZONE_PATTERN = "^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$"
_FORM = "must be an interval such as 6h, 1d or 1w, or a cron line of five fields such as 0 9 * * 1-5"


@dataclass(frozen=True)
class Rhythm:
    """When a schedule fires: after each `interval`, or when `cron` says; `shortest` is the least time between two firings."""

    shortest: timedelta
    interval: timedelta | None = None
    cron: str | None = None


def is_schedule_id(text: str) -> bool:
    """Whether a text has the form of a schedule's id."""
    return _ID.fullmatch(text) is not None


def rhythm_of(every: str) -> Rhythm:
    """Read an interval or a cron line.

    Raises:
        PydanticCustomError: `pattern`, `too_often`, `too_seldom`, `ambiguous_days` or `never`.
    """
    match = _INTERVAL.fullmatch(every)
    if match is None:
        return _cron(every)
    interval = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if interval < _SHORTEST:
        raise PydanticCustomError("too_often", "must be at least a minute")
    if interval > _LONGEST:
        raise PydanticCustomError("too_seldom", "must be at most 366 days")
    return Rhythm(interval, interval=interval)


def _cron(line: str) -> Rhythm:
    fields = line.lower().split()
    if len(fields) != len(_CRON_FIELDS):
        raise PydanticCustomError("pattern", _FORM)
    minutes, hours, days, months, _ = (_values(*each) for each in zip(fields, _CRON_FIELDS, strict=True))
    if fields[2] != "*" and fields[4] != "*":
        # Most cron programs fire when either matches, Temporal when both do, so the meaning is uncertain.
        raise PydanticCustomError("ambiguous_days", "must name days of the month or days of the week, not both")
    if min(days) > max(_LENGTHS[month - 1] for month in months):
        raise PydanticCustomError("never", "names a day that never comes")
    gap = _least_gap(minutes, 60)
    return Rhythm(timedelta(minutes=gap if gap < 60 else 60 * _least_gap(hours, 24)), cron=" ".join(fields))


def _values(text: str, cron_field: _CronField) -> set[int]:
    found: set[int] = set()
    for item in text.split(","):
        match = _CRON_ITEM.fullmatch(item)
        if match is None:
            raise cron_field.refusal
        first, last, step = match.groups()
        start = cron_field.low if first is None else _value(first, cron_field)
        end = _value(last, cron_field) if last else cron_field.high if first is None or step else start
        if end < start or (step is not None and not 1 <= int(step) <= cron_field.high):
            raise cron_field.refusal
        found.update(range(start, end + 1, int(step or 1)))
    return found


def _value(word: str, cron_field: _CronField) -> int:
    value = cron_field.names.get(word, int(word) if word.isdigit() else -1)
    if not cron_field.low <= value <= cron_field.high:
        raise cron_field.refusal
    return value


def _least_gap(values: set[int], cycle: int) -> int:
    """The least distance between two values on a circle; a single value is a full cycle away from itself."""
    ordered = sorted(values)
    return min(
        (after - before) % cycle or cycle for before, after in zip(ordered, ordered[1:] + ordered[:1], strict=True)
    )


def is_cron(every: str) -> bool:
    """Whether it is a cron line rather than an interval."""
    return len(every.split()) == len(_CRON_FIELDS)


def names_time(line: str, wall: datetime) -> bool:
    """Whether a cron line matches a local time."""
    shown = (wall.minute, wall.hour, wall.day, wall.month)
    *dates, weekdays = (_values(*each) for each in zip(line.lower().split(), _CRON_FIELDS, strict=True))
    is_named = all(one in values for one, values in zip(shown, dates, strict=True))
    return is_named and wall.isoweekday() % 7 in {day % 7 for day in weekdays} and wall.second == 0


def in_words(every: str) -> str:
    """The rhythm in words; an unusual cron line is returned unchanged."""
    if match := _INTERVAL.fullmatch(every):
        unit = _UNITS[match[2]]
        return f"every {unit.removesuffix('s')}" if match[1] == "1" else f"every {match[1]} {unit}"
    usual = re.fullmatch(r"([0-9]{1,2}) ([0-9]{1,2}) \* \* (\*|1-5|[0-7])", every, re.ASCII)
    if usual is None:
        return every
    days = {"*": "every day", "1-5": "Monday to Friday"}
    day = days.get(usual[3]) or f"every {_DAY_NAMES[int(usual[3]) % 7]}"
    return f"{day} at {int(usual[2]):02}:{int(usual[1]):02}"


def _one_every(text: str) -> str:
    every = " ".join(text.split()) if len(text) <= 200 else text
    rhythm = rhythm_of(every)
    return rhythm.cron or every


def _one_zone(text: str) -> str:
    if zone_named(text) is None:
        raise PydanticCustomError("unknown_time_zone", ZONE_RULE)
    return text


class ScheduleRequest(NotifiedReportRequest):
    """What a person asks for again and again, and when: all reports of one `start_after` would begin at once."""

    every: Annotated[str, AfterValidator(_one_every), described(pattern=_EVERY_PATTERN)]
    timezone: Annotated[str, AfterValidator(_one_zone), described(pattern=_ZONE_PATTERN)] = "UTC"

    @property
    def report(self) -> ReportRequest:
        """The request of each single report."""
        return ReportRequest.model_validate(self.model_dump(exclude={"every", "timezone"}, exclude_none=True))
