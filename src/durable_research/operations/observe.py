"""Keeps the gauges of what waits up to date: workflows and sends from the tables, tasks from the engine."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from durable_research.domain.errors import InfrastructureDown
from durable_research.domain.ledger.effects import EffectKind
from durable_research.domain.workflows.workflow import Kind
from durable_research.ports.database.backlog import Backlog, BacklogReader, Waiting
from durable_research.ports.engine.queues import QueueReader, QueueState
from durable_research.telemetry import logs
from durable_research.telemetry.meter import Meter
from durable_research.telemetry.metric import Metric
from durable_research.telemetry.metrics import (
    BACKLOG_READ_UP,
    NEXT_EXPIRY,
    NOT_STARTED,
    NOT_STARTED_AGE,
    PROVIDER_WAITING,
    PROVIDER_WAITING_AGE,
    QUESTIONS_AGE,
    QUESTIONS_OPEN,
    QUEUE_BACKLOG,
    QUEUE_BACKLOG_AGE,
    QUEUE_POLLERS,
    QUEUES_READ_UP,
    SENDS_OPEN,
    SENDS_OPEN_AGE,
)
from durable_research.telemetry.outcomes import OpenQuestion

_Found = TypeVar("_Found")
_EVERY_SECONDS = 15.0
_READ_SECONDS = 10.0
_OF_BACKLOG = (
    NOT_STARTED,
    NOT_STARTED_AGE,
    QUESTIONS_OPEN,
    QUESTIONS_AGE,
    NEXT_EXPIRY,
    PROVIDER_WAITING,
    PROVIDER_WAITING_AGE,
    SENDS_OPEN,
    SENDS_OPEN_AGE,
)
_OF_QUEUES = (QUEUE_BACKLOG, QUEUE_BACKLOG_AGE, QUEUE_POLLERS)


@dataclass(frozen=True)
class Observing:
    """Reads what waits regularly. While its source does not answer, a gauge is not exported: nobody knows its value."""

    backlog: BacklogReader
    queues: QueueReader
    meter: Meter

    async def run(self) -> None:
        """Observe until cancelled."""
        while True:
            await self.observe()
            await asyncio.sleep(_EVERY_SECONDS)

    async def observe(self) -> None:
        """Set all gauges once; an outage of one source does not delay the gauges of the other."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._refresh(BACKLOG_READ_UP, _OF_BACKLOG, self.backlog.read, self._set_backlog))
            both.create_task(self._refresh(QUEUES_READ_UP, _OF_QUEUES, self.queues.read, self._set_queues))

    async def _refresh(
        self,
        up: Metric,
        gauges: Sequence[Metric],
        read: Callable[[], Awaitable[_Found]],
        set_all: Callable[[_Found], None],
    ) -> None:
        found: _Found | None = None
        try:
            async with asyncio.timeout(_READ_SECONDS):
                found = await read()
        except (InfrastructureDown, TimeoutError):
            pass
        except (
            Exception
        ) as error:  # anything else must not end the observing: gauges would stand still, and alerts with them
            logs.emit(logs.OBSERVING_FAILED, error=type(error).__name__)
        self.meter.set(up, found is not None)
        # What is over must not stay: a series of a code or a question that nobody has any more.
        for gauge in gauges:
            self.meter.clear(gauge)
        if found is not None:
            set_all(found)

    def _set_backlog(self, found: Backlog) -> None:
        for workflow_kind in Kind:
            not_started = found.not_started.get(workflow_kind, Waiting())
            self._set_waiting(NOT_STARTED, NOT_STARTED_AGE, not_started, kind=workflow_kind)
        self._set_waiting(QUESTIONS_OPEN, QUESTIONS_AGE, found.approvals, question=OpenQuestion.APPROVAL)
        self._set_waiting(QUESTIONS_OPEN, QUESTIONS_AGE, found.decisions, question=OpenQuestion.DECISION)
        if found.next_expiry_seconds is not None:
            self.meter.set(NEXT_EXPIRY, found.next_expiry_seconds)
        for code, waiting in found.for_provider.items():
            self._set_waiting(PROVIDER_WAITING, PROVIDER_WAITING_AGE, waiting, code=code)
        for effect_kind in EffectKind:
            unresolved = found.open_sends.get(effect_kind, Waiting())
            self._set_waiting(SENDS_OPEN, SENDS_OPEN_AGE, unresolved, kind=effect_kind)

    def _set_waiting(self, number: Metric, age: Metric, waiting: Waiting, **labels: str) -> None:
        self.meter.set(number, waiting.count, **labels)
        self.meter.set(age, max(0.0, waiting.oldest_seconds), **labels)

    def _set_queues(self, found: Sequence[QueueState]) -> None:
        for state in found:
            labels = {"queue": state.queue, "task_type": state.task_type}
            self.meter.set(QUEUE_BACKLOG, state.backlog, **labels)
            self.meter.set(QUEUE_BACKLOG_AGE, state.oldest_seconds, **labels)
            self.meter.set(QUEUE_POLLERS, state.pollers, **labels)
