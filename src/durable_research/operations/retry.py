"""Having a step that waits for its next try tried now: its cause may be mended, and a person knows."""

from collections.abc import Sequence
from dataclasses import dataclass

from durable_research.domain.errors import InvalidState
from durable_research.operations.reading.read import Reading
from durable_research.ports.engine.engine import WorkflowEngine


@dataclass
class Retrying:
    """Only the engine knows what waits, so nothing is noted; attempts and failures count on."""

    reading: Reading
    engine: WorkflowEngine

    async def retry(self, workflow_id: str, tenant: str) -> Sequence[str]:
        """Try what waits now; returns the steps.

        Raises:
            NotFound: unknown id.
            InvalidState: no step waits for its next try.
            InfrastructureDown: the engine is away.
        """
        row = await self.reading.get(workflow_id, tenant)
        steps = () if row.status.is_final else await self.engine.retry_now(workflow_id)
        if not steps:
            raise InvalidState(f"the workflow is {row.status.words} and no step waits for its next try")
        return steps
