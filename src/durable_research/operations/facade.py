"""All operations in one value, as bootstrap builds it and web and CLI use it."""

import asyncio
from dataclasses import dataclass, replace

from durable_research.domain.caller import Caller
from durable_research.domain.errors import InfrastructureDown
from durable_research.domain.workflows.workflow import RESUMABLE
from durable_research.operations.approve import Approving
from durable_research.operations.cancel import Cancelling
from durable_research.operations.decide import Deciding
from durable_research.operations.reading.charts import ReadingCharts
from durable_research.operations.reading.read import Reading
from durable_research.operations.reading.reports import ReadingReports
from durable_research.operations.reading.status import WorkflowStatus
from durable_research.operations.reading.system import ReadingSystem
from durable_research.operations.reading.texts import ReadingTexts
from durable_research.operations.resume import Resuming
from durable_research.operations.retry import Retrying
from durable_research.operations.schedule import Scheduling
from durable_research.operations.start import Starting
from durable_research.ports.dashboards import Dashboards
from durable_research.ports.engine.payloads import PayloadReader
from durable_research.ports.health import Health

_CHECK_SECONDS = 3.0
# A page waits for it.
_DASHBOARDS_SECONDS = 2.0


@dataclass(frozen=True)
class Dependencies:
    """The parts that operations depend on, as `health` checks them."""

    database: Health
    engine: Health
    objects: Health


@dataclass
class Operations:
    """Every operation that a person can request. `is_demo` is true when texts come from the simulator."""

    starting: Starting
    reading: Reading
    cancelling: Cancelling
    deciding: Deciding
    scheduling: Scheduling
    approving: Approving
    retrying: Retrying
    resuming: Resuming
    reports: ReadingReports
    texts: ReadingTexts
    system: ReadingSystem
    charts: ReadingCharts
    dependencies: Dependencies
    payloads: PayloadReader
    is_demo: bool
    dashboards: Dashboards | None = None

    async def status(self, workflow_id: str, caller: Caller) -> WorkflowStatus:
        """A workflow's status; for a failed or terminated one also whether it can be resumed.

        Raises:
            NotFound: unknown id.
        """
        status = await self.reading.status(workflow_id, caller)
        # The ledger is read only for workflows that can be resumed: following a running one must not wait for that.
        if status.row.status not in RESUMABLE:
            return status
        return replace(status, offer=await self.resuming.offer(status))

    async def check_ready(self) -> None:
        """Return when work can be accepted: that needs the database alone.

        Raises:
            InfrastructureDown: the database does not answer.
        """
        await self.dependencies.database.check()

    async def dashboards_problem(self) -> str | None:
        """Why the dashboards cannot be shown now; None when they can."""
        if self.dashboards is None:
            return "Grafana is not connected; set DURABLE_RESEARCH_GRAFANA_URL"
        answer = await _answer(self.dashboards, _DASHBOARDS_SECONDS)
        return None if answer == "ok" else answer

    async def health(self) -> dict[str, str]:
        """Each dependency's name with `ok`, or the reason why it is not."""
        parts = (self.dependencies.database, self.dependencies.engine, self.dependencies.objects)
        answers = await asyncio.gather(*(_answer(one, _CHECK_SECONDS) for one in parts))
        return {one.name: answer for one, answer in zip(parts, answers, strict=True)}


async def _answer(one: Health, seconds: float) -> str:
    """`ok`, or the reason why not."""
    try:
        async with asyncio.timeout(seconds):
            await one.check()
    except TimeoutError:
        return "no answer"
    except InfrastructureDown as error:
        return error.detail
    return "ok"
