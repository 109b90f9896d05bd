"""The probes of the process, and the OpenAPI document."""

import asyncio
from dataclasses import dataclass

from quart import Response

from durable_research.domain.errors import InfrastructureDown
from durable_research.operations.facade import Operations
from durable_research.web.api import answers
from durable_research.web.api.bodies import AliveBody, HealthBody
from durable_research.web.api.openapi.document import document
from durable_research.web.http.problems import Problem

# Below the shortest usual probe timeout (1 s is Kubernetes' own default).
_READY_SECONDS = 0.8
_RETRY_AFTER_SECONDS = 2
_ALIVE: AliveBody = {"status": "ok"}


@dataclass(frozen=True)
class HealthApi:
    """The handlers for probes and the document."""

    operations: Operations

    async def health(self) -> Response:
        """Every dependency. Always 200: it reports on others, and clients read the body."""
        dependencies = await self.operations.health()
        ok = all(answer == "ok" for answer in dependencies.values())
        body: HealthBody = {"status": "ok" if ok else "degraded", "dependencies": dependencies}
        return answers.json_response(body)

    async def livez(self) -> Response:
        """Whether the event loop runs; an outage of a dependency is no reason for a restart."""
        return answers.json_response(_ALIVE)

    async def readyz(self) -> Response:
        """Whether work can be accepted: that needs the database alone, and works while Temporal is down."""
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
