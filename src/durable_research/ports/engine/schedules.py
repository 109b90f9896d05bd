"""Schedules that the engine keeps and fires by itself."""

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
    """A schedule as the engine sees it. `failed`: the engine paused it, because a firing failed for good."""

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
    """Schedules of all tenants. Without the engine every verb raises InfrastructureDown: it alone keeps them."""

    async def create(self, new: NewSchedule) -> tuple[ScheduleView, bool]:
        """Make it; one with this id is left as it is, and True says so."""
        ...

    async def list(self, tenant: str) -> Sequence[ScheduleView]:
        """All of a tenant, newest first; what this process has changed is seen in it."""
        ...

    async def pause(self, schedule_id: str, tenant: str) -> ScheduleView:
        """Fire no more until it is resumed; again is no error.

        Raises:
            NotFound: unknown, or another tenant's.
        """
        ...

    async def resume(self, schedule_id: str, tenant: str) -> ScheduleView:
        """Fire again from the next time on; again is no error.

        Raises:
            NotFound: unknown, or another tenant's.
        """
        ...

    async def delete(self, schedule_id: str, tenant: str) -> None:
        """Remove it; what it has asked for stays.

        Raises:
            NotFound: unknown, or another tenant's.
        """
        ...
