"""The SeriesSource port on Prometheus' HTTP API: the charts' own queries over a range, all at once.

Source: Prometheus 2.42, HTTP API, "Range queries".
"""

import asyncio
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from durable_research.domain.errors import InfrastructureDown
from durable_research.ports.series import Line, Lines, Span
from durable_research.telemetry.charts import CHARTS, Chart, Query

_SECONDS = 2.0
_LARGEST_BODY = 2 << 20
# More digits would only show that `increase` extrapolates to the window's edges.
_DIGITS = 2


class PrometheusSeries:
    """Asks for the fixed queries of the charts alone."""

    def __init__(self, url: str) -> None:
        self._url = f"{url.rstrip('/')}/api/v1/query_range"

    async def read(self, span: Span) -> Lines:
        async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as client:
            found = await asyncio.gather(*(self._chart(client, chart, span) for chart in CHARTS))
        return {chart.name: lines for chart, lines in zip(CHARTS, found, strict=True)}

    async def _chart(self, client: httpx.AsyncClient, chart: Chart, span: Span) -> Sequence[Line]:
        answers = await asyncio.gather(*(self._query(client, query, span) for query in chart.queries))
        return [line for lines in answers for line in lines]

    async def _query(self, client: httpx.AsyncClient, query: Query, span: Span) -> Sequence[Line]:
        asked = {
            "query": query.over(span.step_seconds),
            "start": f"{span.ends[0].timestamp():.3f}",
            "end": f"{span.until.timestamp():.3f}",
            "step": str(span.step_seconds),
        }
        body = await self._answer(client, asked)
        try:
            return [_line(query, span, series) for series in json.loads(body)["data"]["result"]]
        except (ValueError, LookupError, TypeError, AttributeError) as cause:
            raise InfrastructureDown("what answers there is not Prometheus") from cause

    async def _answer(self, client: httpx.AsyncClient, asked: Mapping[str, str]) -> bytes:
        body = b""
        try:
            async with client.stream("GET", self._url, params=asked) as answer:
                if answer.status_code != 200:
                    raise InfrastructureDown(f"Prometheus answers HTTP {answer.status_code}")
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > _LARGEST_BODY:
                        raise InfrastructureDown("Prometheus' answer does not come to an end")
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as cause:
            # Its own words may quote the address with a password.
            raise InfrastructureDown(f"Prometheus cannot be reached ({type(cause).__name__})") from None
        return body


def _line(query: Query, span: Span, series: Mapping[str, Any]) -> Line:
    # The step before its error's code.
    labels = [value for _, value in sorted(series["metric"].items(), reverse=True) if value]
    first, values = span.ends[0].timestamp(), list[float | None]([None] * span.steps)
    for at, text in series["values"]:
        place, value = round((float(at) - first) / span.step_seconds), float(text)
        if 0 <= place < span.steps and math.isfinite(value):
            values[place] = round(value, _DIGITS)
    return Line(" · ".join([*labels, query.name] if query.name else labels), tuple(values))
