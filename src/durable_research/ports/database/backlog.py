"""What waits, counted over all tenants, for operators' metrics."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from durable_research.domain.workflows.workflow import Kind


@dataclass(frozen=True)
class Waiting:
    """So many workflows wait, the oldest for so long."""

    count: int = 0
    oldest_seconds: float = 0.0


@dataclass(frozen=True)
class Backlog:
    """Accepted workflows that the engine does not have, workflows that wait for a person, and for a provider by error code."""

    not_started: Mapping[Kind, Waiting] = field(default_factory=dict)
    approvals: Waiting = Waiting()
    decisions: Waiting = Waiting()
    for_provider: Mapping[str, Waiting] = field(default_factory=dict)


class BacklogReader(Protocol):
    """Reads it from the tables, by the database's clock."""

    async def read(self) -> Backlog:
        """Read it now.

        Raises:
            InfrastructureDown: the database does not answer.
        """
        ...
