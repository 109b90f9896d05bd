"""What watches over the process: probes, and the document that describes the API."""

import asyncio
from dataclasses import dataclass

from quart import Response

from durable_research.domain.errors import InfrastructureDown
from durable_research.operations.facade import Operations
from durable_research.web.api import answers
from durable_research.web.api.bodies import AliveBody, HealthBody
from durable_research.web.api.openapi.document import document
from durable_research.web.http.problems import Problem

# Below the shortest probe timeout that is common (1 s is Kubernetes' own default).
_READY_SECONDS = 0.8
_RETRY_AFTER_SECONDS = 2
_ALIVE: AliveBody = {"status": "ok"}


@dataclass(frozen=True)
class HealthApi:
    """Its fields are its needs."""

    operations: Operations

    async def health(self) -> Response:
        """Every dependency. Always 200: it reports on others, and who asks can read."""
        dependencies = await self.operations.health()
        ok = all(answer == "ok" for answer in dependencies.values())
        body: HealthBody = {"status": "ok" if ok else "degraded", "dependencies": dependencies}
        return answers.json_response(body)

    async def livez(self) -> Response:
        """That the event loop turns; a dependency that is away is no reason to be restarted."""
        return answers.json_response(_ALIVE)

    async def readyz(self) -> Response:
        """Whether work can be accepted: that needs the database alone, and goes on while Temporal is away."""
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await self.operations.check_ready()
        except (InfrastructureDown, TimeoutError):
            detail = "the database does not answer"
            raise Problem(503, "dependency_unavailable", detail, retry_after=_RETRY_AFTER_SECONDS) from None
        return answers.json_response(_ALIVE)

    async def openapi(self) -> Response:
        """The OpenAPI document."""
        return answers.json_response(document())
