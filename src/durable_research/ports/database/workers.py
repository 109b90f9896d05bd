"""The live workers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class WorkerRow:
    """A worker process; `slots` is how many steps it runs at once from each queue, `build` names its code."""

    identity: str
    name: str
    pid: int
    host: str
    queues: tuple[str, ...]
    seen_at: datetime
    build: str = ""
    slots: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class KnownWorker:
    """A worker, and how long ago it renewed its row; one that is not `live` died without a drain."""

    worker: WorkerRow
    silent_seconds: float
    live: bool


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

    async def known(self) -> Sequence[KnownWorker]:
        """Workers seen within the last day, by name; one that has drained is not among them."""
        ...
