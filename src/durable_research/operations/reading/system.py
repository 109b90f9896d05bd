"""The whole system as an operator sees it. Each part is read by itself: one that is away is a sentence, never an error."""

import asyncio
import platform
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from durable_research.domain.caller import Caller
from durable_research.operations.reading.dependencies import Checked, DependencyChecks
from durable_research.operations.reading.within import found_or_problem
from durable_research.ports.database.overview import DatabaseOverview, DatabaseVersions, Today, WorkList, WorkState
from durable_research.ports.database.workers import KnownWorker, WorkerRegistry
from durable_research.ports.engine.overview import EngineOverview, ReconciliationRun
from durable_research.ports.engine.queues import QueueReader, QueueState

Found = TypeVar("Found")


@dataclass(frozen=True)
class Part(Generic[Found]):
    """A part as it was found, or why it could not be read."""

    found: Found
    problem: str | None = None


@dataclass(frozen=True)
class SystemState:
    """All parts; `build` names the code of this process, `python` what runs it."""

    build: str
    python: str
    workers: Part[Sequence[KnownWorker]]
    queues: Part[Sequence[QueueState]]
    work: Part[Mapping[WorkState, WorkList]]
    dependencies: Sequence[Checked]
    database: Part[DatabaseVersions | None]
    engine: Part[str | None]
    reconciliation: Part[ReconciliationRun | None]

    @property
    def live_workers(self) -> int | None:
        """The number of live workers; None when it could not be read."""
        return None if self.workers.problem else sum(one.live for one in self.workers.found)


@dataclass(frozen=True)
class ReadingSystem:
    """Reads all parts at once, each within `seconds`."""

    workers: WorkerRegistry
    overview: DatabaseOverview
    queues: QueueReader
    engine: EngineOverview
    checks: DependencyChecks
    build: str
    seconds: float = field(default=2.0)

    async def read(self, caller: Caller) -> SystemState:
        """Read it now; workflows are those of the caller's tenant."""
        none: Mapping[WorkState, WorkList] = {}
        (workers, queues, work, database, engine, reconciliation), dependencies = await asyncio.gather(
            asyncio.gather(
                self._part(self.workers.known(), ()),
                self._part(self.queues.read(), ()),
                self._part(self.overview.work(caller.tenant), none),
                self._part(self.overview.versions(), None),
                self._part(self.engine.version(), None),
                self._part(self.engine.latest_reconciliation(), None),
            ),
            self.checks.check(),
        )
        return SystemState(
            self.build,
            platform.python_version(),
            workers,
            queues,
            work,
            dependencies,
            database,
            engine,
            reconciliation,
        )

    async def today(self, caller: Caller) -> Today | None:
        """The caller's workflows of today; None when they cannot be read now."""
        return (await self._part(self.overview.today(caller.tenant), None)).found

    async def _part(self, reading: Awaitable[Found], without: Found) -> Part[Found]:
        found, problem = await found_or_problem(reading, self.seconds)
        return Part(without, problem) if problem or found is None else Part(found)
