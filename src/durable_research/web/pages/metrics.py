"""The page of metrics: charts with the tables that they are drawn from, which are all of it without a script."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quart import Response, request

from durable_research.domain.durations import duration
from durable_research.operations.facade import Operations
from durable_research.operations.reading.charts import ChartRange, Charts
from durable_research.ports.series import Line
from durable_research.telemetry.charts import Unit
from durable_research.web.http import query
from durable_research.web.pages.grafana import is_inside
from durable_research.web.pages.shell import page

_RANGES = {ChartRange.HOUR: "1 hour", ChartRange.DAY: "24 hours", ChartRange.WEEK: "7 days"}
# The dashboard of what the product does, without Grafana's own frame.
_DASHBOARD = "/grafana/d/durable-research-product?kiosk"
# Colours that mean something, by a line's name; others take one after the other.
_MEANINGS = {
    **dict.fromkeys(("done", "settled"), "green"),
    **dict.fromkeys(("failed", "terminated", "late_duplicate"), "red"),
    **dict.fromkeys(("partly_done", "unknown", "provider", "p95"), "amber"),
    **dict.fromkeys(("approval", "decision"), "violet"),
}
_COLOURS = ("blue", "violet", "amber", "green", "red", "accent", "quiet", "ink")


@dataclass(frozen=True)
class Shown:
    """A line as the page shows it; `summary` is its total, or its latest value."""

    line: Line
    colour: str
    summary: str


@dataclass(frozen=True)
class MetricsPages:
    """The one page."""

    operations: Operations
    public_url: str | None

    async def metrics(self) -> Response:
        """It works with every source away, and says so."""
        query.check_names(request.args, ("range",))
        charts, grafana = await asyncio.gather(
            self.operations.charts.read(query.chart_range(request.args)), self._grafana_problem()
        )
        return await page(
            self.operations,
            "metrics.html",
            charts=charts,
            dashboard=_DASHBOARD,
            grafana_problem=grafana,
            ranges=_RANGES,
            shown=_shown(charts),
            value=value,
            time_of=_time_of(charts),
        )

    async def _grafana_problem(self) -> str | None:
        if self.operations.dashboards and not is_inside(request, self.public_url):
            return "Grafana is shown on this machine alone until there is a login"
        return await self.operations.dashboards_problem()


def _shown(charts: Charts) -> Mapping[str, Sequence[Shown]]:
    """Each chart's lines."""
    found = {}
    for view in charts.views:
        free = iter([one for one in _COLOURS if one not in {_MEANINGS.get(line.name) for line in view.lines}] * 2)
        found[view.chart.name] = [
            Shown(line, _MEANINGS.get(line.name) or next(free, "ink"), _summary(line, view.chart.unit))
            for line in view.lines
        ]
    return found


def _summary(line: Line, unit: Unit) -> str:
    values = [one for one in line.values if one is not None]
    if unit is Unit.EVENTS:
        return f"{sum(values):,.0f} in all"
    return f"{value(values[-1], unit)} at the end" if values else "nothing"


def value(number: float | None, unit: Unit) -> str:
    """One value in words."""
    if number is None:
        return "none"
    return duration(number) if unit is Unit.SECONDS else f"{number:,.2f}".rstrip("0").rstrip(".")


def _time_of(charts: Charts) -> str:
    """The form of the times in tables: a week needs its days."""
    return "%H:%M" if charts.range is ChartRange.HOUR else "%a %H:%M"
