"""The operators' view over HTTP."""

from dataclasses import dataclass

from quart import Response, request

from durable_research.operations.facade import Operations
from durable_research.web.api import answers, system_answers
from durable_research.web.http import requests


@dataclass(frozen=True)
class SystemApi:
    """Its handler."""

    operations: Operations

    async def system(self) -> Response:
        """Always 200: a part that is away is a sentence in the body."""
        state = await self.operations.system.read(requests.caller_of(request))
        return answers.json_response(system_answers.system(state))
