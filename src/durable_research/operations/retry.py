"""Retrying a waiting step now, at a person's request, because the cause of its failure may be repaired."""

from collections.abc import Sequence
from dataclasses import dataclass

from durable_research.domain.caller import Caller
from durable_research.domain.errors import InvalidState
from durable_research.operations.reading.read import Reading
from durable_research.ports.engine.engine import WorkflowEngine


@dataclass
class Retrying:
    """Only the engine holds the waiting steps, so nothing is stored here; attempts and failures continue to count."""

    reading: Reading
    engine: WorkflowEngine

    async def retry(self, workflow_id: str, caller: Caller) -> Sequence[str]:
        """Retry each waiting step now; returns their names.

        Raises:
            NotFound: unknown id.
            InvalidState: no step waits for its next try.
            InfrastructureDown: the engine is away.
        """
        row = await self.reading.get(workflow_id, caller)
        steps = () if row.status.is_final else await self.engine.retry_now(workflow_id)
        if not steps:
            raise InvalidState(f"the workflow is {row.status.words} and no step waits for its next try")
        return steps
