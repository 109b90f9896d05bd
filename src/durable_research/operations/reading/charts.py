"""The metrics page's charts: from Prometheus where there is one that answers, else from our own tables, and saying which."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from durable_research.domain.errors import InfrastructureDown
from durable_research.ports.clock import Clock
from durable_research.ports.series import Line, Lines, SeriesSource, Span
from durable_research.telemetry.charts import CHARTS, Chart, Unit

# More lines could not be told from each other; the smallest are added up.
_MOST_LINES = 8
_REST = "the rest"


class ChartRange(StrEnum):
    """The ranges that can be chosen."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"


# The seconds of a step, and how many there are.
_STEPS: Mapping[ChartRange, tuple[int, int]] = {
    ChartRange.HOUR: (120, 30),
    ChartRange.DAY: (1800, 48),
    ChartRange.WEEK: (14400, 42),
}


class Source(StrEnum):
    """Where the values are from."""

    PROMETHEUS = "prometheus"
    POSTGRESQL = "postgresql"
    NONE = "none"


@dataclass(frozen=True)
class ChartView:
    """A chart and its lines; it `is_known` unless the source does not know it at all."""

    chart: Chart
    lines: Sequence[Line]
    is_known: bool


@dataclass(frozen=True)
class Charts:
    """All charts of a range; `problem` is why they are not from where they should be from."""

    range: ChartRange
    span: Span
    source: Source
    problem: str | None
    views: Sequence[ChartView]

    def words(self, view: ChartView) -> str:
        """What a chart shows, from this source."""
        return view.chart.from_tables or view.chart.words if self.source is Source.POSTGRESQL else view.chart.words


@dataclass(frozen=True)
class ReadingCharts:
    """Reads Prometheus within `seconds`, and the tables within `tables_seconds`, as there is nothing behind them.

    Without an address of Prometheus, `prometheus` is None.
    """

    prometheus: SeriesSource | None
    tables: SeriesSource
    now: Clock
    seconds: float = 2.0
    tables_seconds: float = 5.0

    async def read(self, chosen: ChartRange) -> Charts:
        """Read them now; a source that is away is a sentence, never an error."""
        step, steps = _STEPS[chosen]
        span = Span(self.now(), step, steps)
        problem = None
        if self.prometheus:
            found, problem = await self._lines(self.prometheus, span, "Prometheus", self.seconds)
            if found is not None and any(_has_values(lines) for lines in found.values()):
                return Charts(chosen, span, Source.PROMETHEUS, None, _views(found))
            problem = problem or "Prometheus answers, and has nothing of ours in this time"
        found, away = await self._lines(self.tables, span, "the database", self.tables_seconds)
        source = Source.NONE if found is None else Source.POSTGRESQL
        return Charts(chosen, span, source, "; ".join(filter(None, (problem, away))) or None, _views(found or {}))

    async def _lines(
        self, source: SeriesSource, span: Span, name: str, seconds: float
    ) -> tuple[Lines | None, str | None]:
        try:
            async with asyncio.timeout(seconds):
                return await source.read(span), None
        except TimeoutError:
            return None, f"{name} does not answer within {seconds:g} s"
        except InfrastructureDown as down:
            return None, down.detail


def _has_values(lines: Sequence[Line]) -> bool:
    return any(value is not None for line in lines for value in line.values)


def _views(found: Lines) -> Sequence[ChartView]:
    return [ChartView(chart, _fewer(chart, found.get(chart.name, ())), chart.name in found) for chart in CHARTS]


def _fewer(chart: Chart, lines: Sequence[Line]) -> Sequence[Line]:
    """Without empty lines, and without events that did not happen; of many events, the largest lines and the rest."""
    kept = [line for line in lines if (any(line.values) if chart.unit is Unit.EVENTS else _has_values([line]))]
    if len(kept) <= _MOST_LINES or chart.unit is not Unit.EVENTS:
        return kept[:_MOST_LINES]
    kept.sort(key=lambda line: sum(value or 0 for value in line.values), reverse=True)
    rest = kept[_MOST_LINES - 1 :]
    summed = tuple(
        round(sum(value or 0 for value in step), 2) for step in zip(*(line.values for line in rest), strict=True)
    )
    return [*kept[: _MOST_LINES - 1], Line(_REST, summed)]
