"""What waits, counted over all tenants, for operators' metrics."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from durable_research.domain.ledger.effects import EffectKind
from durable_research.domain.workflows.workflow import Kind


@dataclass(frozen=True)
class Waiting:
    """So many wait, the oldest for so long."""

    count: int = 0
    oldest_seconds: float = 0.0


@dataclass(frozen=True)
class Backlog:
    """What waits: workflows for the engine, a person or a provider (by error code), and sends for their outcome.

    `next_expiry_seconds` is when the next draft's approval expires, None without one; below 0 it is overdue.
    """

    not_started: Mapping[Kind, Waiting] = field(default_factory=dict)
    approvals: Waiting = Waiting()
    decisions: Waiting = Waiting()
    next_expiry_seconds: float | None = None
    for_provider: Mapping[str, Waiting] = field(default_factory=dict)
    open_sends: Mapping[EffectKind, Waiting] = field(default_factory=dict)


class BacklogReader(Protocol):
    """Reads it from the tables, by the database's clock."""

    async def read(self) -> Backlog:
        """Read it now.

        Raises:
            InfrastructureDown: the database does not answer.
        """
        ...
