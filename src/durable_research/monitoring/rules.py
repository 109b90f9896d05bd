"""What a rule is: a recorded expression, or an alert with its severity, its sentence and its runbook. Standard library only.

Expressions are PromQL at factor 1; `time_factor.py` makes them faster. Two spellings in them are ours: `$900s` is an age of
900 seconds, and `$le600` the edge of a bucket at 600 seconds; both become plain numbers. A target for latency is a number, and
stays: a quicker clock makes no request quicker.
"""

from dataclasses import dataclass
from enum import StrEnum

RUNBOOKS = "docs/runbooks"


class Severity(StrEnum):
    """Who is notified: a person at once, or whoever looks at the tickets next."""

    PAGE = "page"
    TICKET = "ticket"


@dataclass(frozen=True)
class Recording:
    """An expression that is stored under a name: level:metric:operations, with the range at factor 1."""

    name: str
    expression: str


@dataclass(frozen=True)
class Alert:
    """An expression that should have no result; `lasts` is how long it must have one.

    The summary may name labels and the value, as Prometheus' templates do.
    """

    name: str
    severity: Severity
    lasts: str
    summary: str
    expression: str

    @property
    def runbook(self) -> str:
        """The page that says what to do, from the root of this repository."""
        return f"{RUNBOOKS}/{self.name}.md"


@dataclass(frozen=True)
class Group:
    """Rules that are evaluated together, in order: an alert comes after what it reads."""

    name: str
    rules: tuple[Recording | Alert, ...]

    @property
    def alerts(self) -> tuple[Alert, ...]:
        return tuple(rule for rule in self.rules if isinstance(rule, Alert))


def events(series: str, window: str, by: str) -> str:
    """How many times a counter rose within the window, by labels; no result when it did not.

    The SDK's counters appear with their first event, as 1: `increase` sees no rise in that, so a new series counts with its
    value. Ours begin at 0, which is no event.
    """
    return f"sum by ({by}) (({series} > 0 unless {series} offset {window}) or (increase({series}[{window}]) > 0))"


def ratio(part: str, whole: str) -> str:
    """One sum by another; 0 where the whole has series and the part has none yet."""
    return f"({part} or 0 * {whole}) / {whole}"
