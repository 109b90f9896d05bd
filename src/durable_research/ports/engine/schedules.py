"""Schedules that the engine stores and fires by itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import BaseModel

from durable_research.domain.schedules.schedule import Rhythm


@dataclass(frozen=True)
class NewSchedule:
    """A schedule to be made. Each firing starts a workflow of `workflow_type` with `message`."""

    schedule_id: str
    tenant: str
    title: str
    every: str
    timezone: str
    rhythm: Rhythm
    fingerprint: str
    created_at: datetime
    workflow_type: str
    task_queue: str
    message: BaseModel


@dataclass(frozen=True)
class ScheduleView:
    """A schedule as the engine shows it. `failed`: the engine paused it after a permanent failure of a firing."""

    schedule_id: str
    title: str
    every: str
    timezone: str
    fingerprint: str
    created_at: datetime
    paused: bool
    failed: bool
    next_at: datetime | None
    last_at: datetime | None


class Schedules(Protocol):
    """Schedules of all tenants. The engine alone stores them: while it is down, every method raises InfrastructureDown."""

    async def create(self, new: NewSchedule) -> tuple[ScheduleView, bool]:
        """Create the schedule; an existing one with this id stays as it is and gives True."""
        ...

    async def list(self, tenant: str) -> Sequence[ScheduleView]:
        """List a tenant's schedules, newest first; the list shows this process's own changes."""
        ...

    async def pause(self, schedule_id: str, tenant: str) -> ScheduleView:
        """Stop firing until it is resumed; a repeat is no error.

        Raises:
            NotFound: unknown, or another tenant's.
        """
        ...

    async def resume(self, schedule_id: str, tenant: str) -> ScheduleView:
        """Fire again from the next time on; a repeat is no error.

        Raises:
            NotFound: unknown, or another tenant's.
        """
        ...

    async def delete(self, schedule_id: str, tenant: str) -> None:
        """Remove the schedule; the workflows that it started stay.

        Raises:
            NotFound: unknown, or another tenant's.
        """
        ...
