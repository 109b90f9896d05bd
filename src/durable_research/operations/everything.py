"""All operations in one value, as bootstrap builds it and web and CLI use it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from durable_research.domain.errors import InfrastructureDown
from durable_research.operations.approving import Approving
from durable_research.operations.cancelling import Cancelling
from durable_research.operations.deciding import Deciding
from durable_research.operations.reading import Reading
from durable_research.operations.reports import ReadingReports
from durable_research.operations.resuming import Resuming
from durable_research.operations.retrying import Retrying
from durable_research.operations.scheduling import Scheduling
from durable_research.operations.starting import Starting
from durable_research.operations.texts import ReadingTexts
from durable_research.ports.health import Health
from durable_research.ports.payloads import PayloadReader

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
