"""The operators' view over HTTP: the system now, and over time."""

from dataclasses import dataclass

from quart import Response, request

from durable_research.operations.facade import Operations
from durable_research.web.api import answers, system_answers
from durable_research.web.http import query, requests


@dataclass(frozen=True)
class SystemApi:
    """The two handlers."""

    operations: Operations

    async def system(self) -> Response:
        """Always 200: a part that is away is a sentence in the body."""
        state = await self.operations.system.read(requests.caller_of(request))
        return answers.json_response(system_answers.system(state))

    async def metrics(self) -> Response:
        """Always 200, as above."""
        charts = await self.operations.charts.read(query.chart_range(request.args))
        return answers.json_response(system_answers.metrics(charts))
