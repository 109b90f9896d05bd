"""Recurring reports: schedules that the engine stores; each firing requests the same report again."""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from durable_research.domain.caller import Caller
from durable_research.domain.errors import IdempotencyKeyReused, TooManySchedules
from durable_research.domain.schedules.clock_changes import once_id
from durable_research.domain.schedules.schedule import ID_PREFIX, MOST_SCHEDULES, ScheduleRequest, rhythm_of
from durable_research.operations.start import Starting
from durable_research.operations.validation import validated
from durable_research.pipelines.accept_scheduled import pipeline as accept_scheduled
from durable_research.pipelines.accept_scheduled.activities import AcceptOnce
from durable_research.pipelines.accept_scheduled.messages import AcceptScheduledReport, Firing
from durable_research.pipelines.generate_report import pipeline as generate_report
from durable_research.ports.clock import Clock
from durable_research.ports.engine.schedules import NewSchedule, Schedules, ScheduleView


@dataclass(frozen=True)
class Scheduled:
    """A created schedule; `replayed` when the same Idempotency-Key had created it before."""

    view: ScheduleView
    replayed: bool


@dataclass
class Scheduling:
    """Creates, lists, pauses, resumes and deletes schedules. Only the engine stores them: without it none of this works."""

    starting: Starting
    schedules: Schedules
    now: Clock

    async def add(self, body: Mapping[str, Any], *, caller: Caller, idempotency_key: str | None = None) -> Scheduled:
        """Create a schedule.

        Raises:
            InvalidInput: fields break their rules; nothing was changed.
            TooManySchedules: the tenant has as many schedules as are allowed.
            IdempotencyKeyReused: the key came with another request, and its schedule still exists.
            InfrastructureDown: the engine is away.
        """
        request = validated(ScheduleRequest, body)
        self.starting.check_channels(request)
        new = self._new(request, caller.tenant, idempotency_key)
        ids = {row.schedule_id for row in await self.schedules.list(caller.tenant)}
        if new.schedule_id not in ids and len(ids) >= MOST_SCHEDULES:
            raise TooManySchedules(f"there are {MOST_SCHEDULES} schedules, which is as many as are allowed")
        view, replayed = await self.schedules.create(new)
        if replayed and view.fingerprint != new.fingerprint:
            raise IdempotencyKeyReused("the key came with another request")
        return Scheduled(view, replayed)

    async def list(self, caller: Caller) -> Sequence[ScheduleView]:
        """The caller's schedules, newest first."""
        return await self.schedules.list(caller.tenant)

    async def pause(self, schedule_id: str, caller: Caller) -> ScheduleView:
        """Request no more reports until it is resumed.

        Raises:
            NotFound: unknown id.
        """
        return await self.schedules.pause(schedule_id, caller.tenant)

    async def resume(self, schedule_id: str, caller: Caller) -> ScheduleView:
        """Request reports again from the next due time on.

        Raises:
            NotFound: unknown id.
        """
        return await self.schedules.resume(schedule_id, caller.tenant)

    async def delete(self, schedule_id: str, caller: Caller) -> None:
        """Remove it permanently; reports that it requested stay.

        Raises:
            NotFound: unknown id.
        """
        await self.schedules.delete(schedule_id, caller.tenant)

    def _new(self, request: ScheduleRequest, tenant: str, idempotency_key: str | None) -> NewSchedule:
        fields = request.model_dump(mode="json", exclude_none=True)
        return NewSchedule(
            schedule_id=_schedule_id(tenant, idempotency_key),
            tenant=tenant,
            title=request.shown_title,
            every=request.every,
            timezone=request.timezone,
            rhythm=rhythm_of(request.every),
            fingerprint=hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest(),
            created_at=self.now(),
            workflow_type=accept_scheduled.PIPELINE.workflow_type,
            task_queue=accept_scheduled.PIPELINE.task_queue,
            message=AcceptScheduledReport(
                tenant=tenant,
                request=request.report.model_dump(mode="json", exclude_none=True),
                every=request.every,
                timezone=request.timezone,
            ),
        )


def _schedule_id(tenant: str, idempotency_key: str | None) -> str:
    """The same key gives the same id, and the engine stores only one schedule under it."""
    if idempotency_key is None:
        return ID_PREFIX + secrets.token_hex(16)
    return ID_PREFIX + hashlib.sha256(json.dumps([tenant, idempotency_key]).encode()).hexdigest()[:32]


def accepting_once(starting: Starting) -> AcceptOnce:
    """The function that accepts a firing: like any start, under a key with a blank, which no request's key can hold."""

    async def accept_once(firing: Firing) -> str:
        started = await starting.start(
            generate_report.PIPELINE.path,
            firing.request,
            caller=Caller(firing.tenant),
            idempotency_key=f"firing {once_id(firing.firing_id, firing.every, firing.timezone)}",
        )
        return started.row.workflow_id

    return accept_once
