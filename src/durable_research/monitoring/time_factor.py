"""Makes rules faster, so that an alert can be tried in seconds: ranges, offsets, ages and durations are divided by a factor."""

import re
from dataclasses import replace

from durable_research.monitoring.rules import Alert, Group, Recording
from durable_research.telemetry.metrics import WORKFLOW_PROCESSING

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_RANGE = re.compile(r"(?<=\[)(\d+)([smhd])(?=\])|(?<=offset )(\d+)([smhd])\b")
_AGE = re.compile(r"\$(\d+)s\b")
_EDGE = re.compile(r"\$le(\d+)\b")
_DURATION = re.compile(r"(\d+)([smhd])")


def faster(group: Group, factor: float) -> Group:
    """The same group, `factor` times as fast; at factor 1 as the table has it."""
    return replace(group, rules=tuple(_faster_rule(rule, factor) for rule in group.rules))


def duration(text: str, factor: float) -> str:
    """A length of time such as `15m`, divided, as PromQL writes it.

    Raises:
        ValueError: the text is no length of time.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no length of time")
    return _duration(int(found[1]), found[2], factor)


def _faster_rule(rule: Recording | Alert, factor: float) -> Recording | Alert:
    quick = _expression(rule.expression, factor)
    if isinstance(rule, Alert):
        return replace(rule, expression=quick, lasts=duration(rule.lasts, factor))
    return replace(rule, expression=quick)


def _expression(expression: str, factor: float) -> str:
    quick = _RANGE.sub(lambda found: _duration(int(found[1] or found[3]), found[2] or found[4], factor), expression)
    quick = _AGE.sub(lambda found: f"{int(found[1]) / factor:g}", quick)
    return _EDGE.sub(lambda found: _edge(int(found[1]) / factor), quick)


def _duration(count: int, unit: str, factor: float) -> str:
    if factor == 1:
        return f"{count}{unit}"
    milliseconds = max(1, round(count * _UNITS[unit] * 1000 / factor)) if count else 0
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"


def _edge(seconds: float) -> str:
    """The first edge that is no earlier: a histogram can be asked at its edges alone."""
    edges = WORKFLOW_PROCESSING.buckets
    return str(float(next((edge for edge in edges if edge >= seconds), edges[-1])))
