"""Moments as RFC 3339 writes them, with any number of digits behind the second.

Source: RFC 3339, section 5.6 (grammar and its notes), section 4.3 (`-00:00`) and appendix D (leap seconds), read 2026-11-28.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

# The RFC's note allows a blank instead of the T. The hour 24 is valid in ISO 8601 and not in RFC 3339.
_MOMENT = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})[Tt ](?P<minute>(?:[01]\d|2[0-3]):[0-5]\d):(?P<second>[0-5]\d|60)(?:\.(?P<fraction>\d+))?"
    r"(?:[Zz]|(?P<offset>[+-](?:[01]\d|2[0-3]):[0-5]\d))",
    re.ASCII,
)
_RULE = "must be a time with its offset, such as 2026-11-22T09:00:00+01:00"
_FRACTION_DIGITS = 6


def read_moment(text: str) -> datetime | None:
    """The moment in UTC, to the microsecond (further digits are dropped), or None when it is no valid time.

    A leap second, which can only be the last of a month in UTC, is read as the next second: `datetime` cannot represent it.
    """
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    is_leap = match["second"] == "60"
    fraction = (match["fraction"] or "0")[:_FRACTION_DIGITS].ljust(_FRACTION_DIGITS, "0")
    second = "59" if is_leap else match["second"]
    try:
        moment = datetime.fromisoformat(f"{match['day']}T{match['minute']}:{second}{match['offset'] or '+00:00'}")
        moment = moment.astimezone(UTC) + timedelta(seconds=is_leap)
    except (ValueError, OverflowError):
        return None
    if is_leap and (moment.day, moment.hour, moment.minute) != (1, 0, 0):
        return None
    return moment.replace(microsecond=int(fraction))


def _with_offset(value: object) -> datetime:
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "must be a string")
    moment = read_moment(value)
    if moment is None:
        raise PydanticCustomError("invalid_time", _RULE)
    return moment


# A time without its offset would mean another moment in each place.
Moment = Annotated[datetime, BeforeValidator(_with_offset)]
