"""The engine as an operator sees it: its version, and the latest run of reconciliation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True)
class ReconciliationRun:
    """One run; `status` is the engine's own word, lower case. `result` is what the workflow returned, when it completed."""

    due_at: datetime
    status: str
    ended_at: datetime | None = None
    result: Mapping[str, Any] = field(default_factory=dict)


class EngineOverview(Protocol):
    """Reads both; needs no worker."""

    async def version(self) -> str:
        """The server's version.

        Raises:
            InfrastructureDown: the engine does not answer.
        """
        ...

    async def latest_reconciliation(self) -> ReconciliationRun | None:
        """The latest run that has ended, or the one that runs when none has; None without any.

        Raises:
            InfrastructureDown: the engine does not answer.
        """
        ...
