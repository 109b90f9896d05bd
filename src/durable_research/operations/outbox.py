"""Delivering a request to the engine: retried each second until the engine has it, while this process runs."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from durable_research.domain.errors import InfrastructureDown
from durable_research.telemetry import logs

_TRY_AGAIN_SECONDS = 1.0


@dataclass
class Outbox:
    """One task for each workflow. Nothing depends on it: the request is in the database, and reconciliation delivers it too."""

    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def deliver(self, workflow_id: str, request: Callable[[], Awaitable[object]]) -> None:
        """Retry `request` while our infrastructure is down; does nothing when the workflow has a delivery under way."""
        if workflow_id in self._tasks:
            return
        task = asyncio.create_task(self._retry_until_accepted(workflow_id, request))
        self._tasks[workflow_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(workflow_id, None))

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _retry_until_accepted(self, workflow_id: str, request: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await request()
            except InfrastructureDown as error:
                logs.emit(logs.ENGINE_UNREACHABLE, workflow_id=workflow_id, error=error.detail)
            else:
                return
            await asyncio.sleep(_TRY_AGAIN_SECONDS)
