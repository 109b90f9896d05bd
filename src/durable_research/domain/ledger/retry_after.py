"""Reading the wait in an answer's `Retry-After` header."""

import contextlib
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

_LONGER_IS_NONSENSE = 1e9


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """The wait that an answer requests, in seconds; None when it is missing, negative or nonsense.

    `retry-after-ms` (Azure) is finer than `retry-after`, which is a number of seconds or a date. Names are looked up in lower
    case; HTTP clients' headers ignore the case.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        with contextlib.suppress(ValueError, KeyError):
            return _sensible(float(headers[name]) * unit)
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return _sensible((parsedate_to_datetime(headers["retry-after"]) - now).total_seconds())
    return None


def _sensible(seconds: float) -> float | None:
    return seconds if 0 <= seconds < _LONGER_IS_NONSENSE else None
