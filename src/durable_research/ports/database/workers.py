"""The live workers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class WorkerRow:
    """A live worker process."""

    identity: str
    name: str
    pid: int
    host: str
    queues: tuple[str, ...]
    seen_at: datetime


class WorkerRegistry(Protocol):
    """The live workers: a row for each, which the worker renews every two seconds."""

    async def heartbeat(self, worker: WorkerRow) -> None:
        """Renew the row (its `seen_at` is the database's clock)."""
        ...

    async def leave(self, identity: str) -> None:
        """Remove the row after a drain."""
        ...

    async def live(self) -> Sequence[WorkerRow]:
        """Workers seen within the last few seconds."""
        ...
