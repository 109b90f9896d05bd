"""Durations in words: one rule for pages and commands; `web/static/durations.js` has the same one."""

from datetime import datetime

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))


def duration(seconds: float) -> str:
    """Format a duration in its two largest units: 59.9 s, 1 min 59 s, 2 h 01 min.

    The rest of the smaller unit is dropped, never rounded up: tenths of a second below a minute, whole seconds below an
    hour, whole minutes from there. So no duration reads as longer than it is, and none as 60 s. A negative one, which
    clocks that disagree can produce, is 0.0 s.
    """
    tenths = int(max(seconds, 0.0) * 10)
    minutes, rest = divmod(tenths // 10, 60)
    if not minutes:
        return f"{rest}.{tenths % 10} s"
    hours, left = divmod(minutes, 60)
    return f"{hours} h {left:02} min" if hours else f"{minutes} min {rest:02} s"


def ago(at: datetime, now: datetime) -> str:
    """Format the time since a moment, in whole units of the largest one; less than a minute, or a future moment, is now."""
    seconds = (now - at).total_seconds()
    for unit, length in _UNITS:
        if seconds >= length:
            return f"{int(seconds // length)} {unit} ago"
    return "just now"
