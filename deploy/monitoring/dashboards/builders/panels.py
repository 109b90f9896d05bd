"""What a panel and a board say, before Grafana's form of it: titles, units, words, queries, and the alert behind them."""

from dataclasses import dataclass
from enum import StrEnum

from durable_research.monitoring.rules import RUNBOOKS

# At least four scrapes, and longer where the screen shows a longer time: Grafana reckons it from the data source's interval.
WINDOW = "$__rate_interval"
_GUIDE = "guides/monitoring.md"


class Unit(StrEnum):
    """How Grafana writes a value."""

    NUMBER = "short"
    SECONDS = "s"
    SHARE = "percentunit"
    BYTES = "bytes"
    PER_SECOND = "ops"
    REQUESTS = "reqps"


@dataclass(frozen=True)
class Query:
    """One query; `legend` names its lines by their labels."""

    promql: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """One panel. `alert` is the one that fires on what it shows; `exporter` exports its metrics where none of ours does."""

    title: str
    unit: Unit
    description: str
    queries: tuple[Query, ...]
    alert: str = ""
    exporter: str = ""

    @property
    def page(self) -> str:
        """Below `docs`: the runbook of its alert, or the guide where it has none."""
        return f"{RUNBOOKS.removeprefix('docs/')}/{self.alert}.md" if self.alert else _GUIDE


@dataclass(frozen=True)
class Board:
    """A dashboard; its name is the file's, and a part of its address in Grafana."""

    name: str
    title: str
    description: str
    panels: tuple[Panel, ...]


def rate(metric: str, by: str, where: str = "") -> str:
    """How often a second a counter rose, by labels."""
    return f"sum by ({by}) (rate({metric}{where}[{WINDOW}]))"


def increase(metric: str, by: str, where: str = "") -> str:
    """How often it rose within the window."""
    return f"sum by ({by}) (increase({metric}{where}[{WINDOW}]))"


def quantiles(histogram: str, by: str, shares: tuple[float, ...], where: str = "") -> tuple[Query, ...]:
    """One query for each share, named p50, p95 and so on.

    A series that is new counts whole: of a histogram that few events touch, `rate` would miss the first of each.
    """
    buckets = f"{histogram}_bucket{where}"
    seen = f"{buckets} unless {buckets} offset {WINDOW} or increase({buckets}[{WINDOW}])"
    labels = f"{by}, le" if by else "le"
    names = " ".join(f"{{{{{label.strip()}}}}}" for label in by.split(",") if by)
    return tuple(
        Query(f"histogram_quantile({share}, sum by ({labels}) ({seen}))", f"{names} p{share * 100:g}".strip())
        for share in shares
    )
