"""Keeps the gauges of what waits up to date, from the tables."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from durable_research.domain.errors import InfrastructureDown
from durable_research.domain.workflows.workflow import Kind
from durable_research.ports.database.backlog import BacklogReader, Waiting
from durable_research.telemetry.meter import Meter
from durable_research.telemetry.metrics import (
    BACKLOG_READ_UP,
    NOT_STARTED,
    NOT_STARTED_AGE,
    PROVIDER_WAITING,
    PROVIDER_WAITING_AGE,
    QUESTIONS_AGE,
    QUESTIONS_OPEN,
)
from durable_research.telemetry.outcomes import OpenQuestion

_EVERY_SECONDS = 15.0
_READ_SECONDS = 10.0
_GAUGES = (NOT_STARTED, NOT_STARTED_AGE, QUESTIONS_OPEN, QUESTIONS_AGE, PROVIDER_WAITING, PROVIDER_WAITING_AGE)


@dataclass(frozen=True)
class Observing:
    """Reads the backlog regularly. While the database does not answer, its gauges are not exported: nobody knows them."""

    backlog: BacklogReader
    meter: Meter

    async def run(self) -> None:
        """Observe until cancelled."""
        while True:
            await self.observe()
            await asyncio.sleep(_EVERY_SECONDS)

    async def observe(self) -> None:
        """Set the gauges once."""
        found = None
        with suppress(InfrastructureDown, TimeoutError):
            async with asyncio.timeout(_READ_SECONDS):
                found = await self.backlog.read()
        self.meter.set(BACKLOG_READ_UP, found is not None)
        # What is over must not stay: a series of a code or a question that nobody has any more.
        for gauge in _GAUGES:
            self.meter.clear(gauge)
        if found is None:
            return
        for kind in Kind:
            waiting = found.not_started.get(kind, Waiting())
            self.meter.set(NOT_STARTED, waiting.count, kind=kind)
            self.meter.set(NOT_STARTED_AGE, waiting.oldest_seconds, kind=kind)
        for question, waiting in (
            (OpenQuestion.APPROVAL, found.approvals),
            (OpenQuestion.DECISION, found.decisions),
        ):
            self.meter.set(QUESTIONS_OPEN, waiting.count, question=question)
            self.meter.set(QUESTIONS_AGE, waiting.oldest_seconds, question=question)
        for code, waiting in found.for_provider.items():
            self.meter.set(PROVIDER_WAITING, waiting.count, code=code)
            self.meter.set(PROVIDER_WAITING_AGE, waiting.oldest_seconds, code=code)
