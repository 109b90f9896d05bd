"""All operations in one value, as bootstrap builds it and web and CLI use it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from durable_research.domain.errors import InfrastructureDown
from durable_research.domain.workflows.workflow import RESUMABLE
from durable_research.operations.approve import Approving
from durable_research.operations.cancel import Cancelling
from durable_research.operations.decide import Deciding
from durable_research.operations.reading.bodies import WholeStatusBody
from durable_research.operations.reading.read import Reading
from durable_research.operations.reading.recoverable import address_of
from durable_research.operations.reading.reports import ReadingReports
from durable_research.operations.reading.texts import ReadingTexts
from durable_research.operations.resume import Resuming
from durable_research.operations.retry import Retrying
from durable_research.operations.schedule import Scheduling
from durable_research.operations.start import Starting
from durable_research.ports.engine.payloads import PayloadReader
from durable_research.ports.health import Health

_CHECK_SECONDS = 3.0


@dataclass
class Operations:
    """What a person can do. `is_demo` says that texts come from the simulator."""

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
    dependencies: Sequence[Health]
    payloads: PayloadReader
    is_demo: bool

    async def status(self, workflow_id: str, tenant: str) -> WholeStatusBody:
        """The status body, with what can be made of one that failed: to go on (`resume`), and to read its text (`text_url`).

        Raises:
            NotFound: unknown id.
        """
        body = await self.reading.status(workflow_id, tenant)
        # Only of what has ended so: nobody who follows a workflow waits for the ledger to be read.
        offer = await self.resuming.offer(workflow_id, tenant) if body["status"] in RESUMABLE else None
        has_text = offer is not None and offer.has_text
        return {
            **body,
            "resume": offer.as_json() if offer else None,
            "text_url": address_of(workflow_id) if has_text else None,
        }

    async def health(self) -> dict[str, str]:
        """Each dependency with `ok` or the reason why not."""

        async def ask(one: Health) -> str:
            try:
                async with asyncio.timeout(_CHECK_SECONDS):
                    await one.check()
            except TimeoutError:
                return "no answer"
            except InfrastructureDown as error:
                return error.detail
            return "ok"

        answers = await asyncio.gather(*(ask(one) for one in self.dependencies))
        return {one.name: answer for one, answer in zip(self.dependencies, answers, strict=True)}
