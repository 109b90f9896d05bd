"""Passing a wish on to the engine until it is heard, each second, while this process lives."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from durable_research.domain.errors import InfrastructureDown
from durable_research.telemetry import logs

_TRY_AGAIN_SECONDS = 1.0


@dataclass
class Outbox:
    """One task for each workflow. Nothing depends on it: the wish is in the database, and reconciliation passes it on too."""

    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def deliver(self, workflow_id: str, act: Callable[[], Awaitable[object]]) -> None:
        """Run `act` until it is not stopped by infrastructure of ours; a wish that is on its way is left alone."""
        if workflow_id in self._tasks:
            return
        task = asyncio.create_task(self._until_heard(workflow_id, act))
        self._tasks[workflow_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(workflow_id, None))

    async def close(self) -> None:
        """Stop trying."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _until_heard(self, workflow_id: str, act: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await act()
            except InfrastructureDown as error:
                logs.get_logger().info(logs.ENGINE_NOT_HEARD, workflow_id=workflow_id, error=error.detail)
            else:
                return
            await asyncio.sleep(_TRY_AGAIN_SECONDS)
