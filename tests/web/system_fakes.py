"""Fakes of what the operators' pages read: each can go away or hang by itself."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from durable_research.ports.database.overview import DatabaseVersions, Today, WorkList, WorkState
from durable_research.ports.engine.overview import ReconciliationRun
from durable_research.ports.engine.queues import QueueState
from durable_research.ports.series import Line, Lines, Span
from tests.fakes import Part

NEWEST = "0009"
CURRENT = DatabaseVersions("18.4", "0.8.5", NEWEST, NEWEST)
NOTHING = Today()


class HangingPart(Part):
    """A dependency that can also hang."""

    hangs = False

    async def check(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        await super().check()


@dataclass
class FakeOverview:
    """The tables' overview."""

    database: Part
    found: dict[WorkState, WorkList] = field(default_factory=dict)
    current: DatabaseVersions = CURRENT
    numbers: Today = NOTHING

    async def work(self, tenant: str) -> Mapping[WorkState, WorkList]:
        await self.database.check()
        return {state: self.found.get(state, WorkList()) for state in WorkState}

    async def versions(self) -> DatabaseVersions:
        await self.database.check()
        return self.current

    async def today(self, tenant: str) -> Today:
        await self.database.check()
        return self.numbers


@dataclass
class FakeEngineOverview:
    """Temporal's version and the latest reconciliation."""

    engine: Part
    latest: ReconciliationRun | None = None

    async def version(self) -> str:
        await self.engine.check()
        return "1.29.1"

    async def latest_reconciliation(self) -> ReconciliationRun | None:
        await self.engine.check()
        return self.latest


@dataclass
class FakeQueues:
    """The task queues."""

    engine: Part
    states: Sequence[QueueState] = ()

    async def read(self) -> Sequence[QueueState]:
        await self.engine.check()
        return self.states


@dataclass
class FakeSeries:
    """Lines by chart; the values are those of the last steps."""

    part: Part
    lines: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)

    async def read(self, span: Span) -> Lines:
        await self.part.check()
        return {
            chart: [Line(name, (*([None] * (span.steps - len(last))), *last)) for name, last in lines.items()]
            for chart, lines in self.lines.items()
        }
