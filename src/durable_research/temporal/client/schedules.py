"""The Schedules port on Temporal Schedules: Temporal stores, fires and lists them, without a table of ours."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleDescription,
    ScheduleHandle,
    ScheduleIntervalSpec,
    ScheduleListDescription,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from durable_research import policies
from durable_research.domain.errors import FieldError, InfrastructureDown, InvalidInput, NotFound
from durable_research.domain.schedules.clock_changes import next_report_time
from durable_research.domain.schedules.schedule import Rhythm, is_schedule_id
from durable_research.domain.values import Value
from durable_research.ports.engine.schedules import NewSchedule, ScheduleView
from durable_research.temporal import names
from durable_research.temporal.client.rpc import answers_within

_TENANT = SearchAttributeKey.for_keyword(names.TENANT)
_MEMO = "about"
# The beginning of Temporal's note on a schedule that it paused by itself.
_PAUSED_BY_FAILURE = "paused due to workflow failure"
_POLL_SECONDS = 0.05

_Found: TypeAlias = ScheduleDescription | ScheduleListDescription


class _Memo(Value):
    """The schedule's memo, sealed like every payload."""

    title: str
    every: str
    timezone: str
    fingerprint: str
    created_at: datetime


# Shown when the key that a memo was sealed with is missing: the schedule can still be paused and deleted.
_UNREADABLE = _Memo(
    title="(sealed with a key that is not here)",
    every="?",
    timezone="?",
    fingerprint="",
    created_at=datetime.min.replace(tzinfo=UTC),
)


class TemporalSchedules:
    """Every answer or refusal comes within seconds."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def create(self, new: NewSchedule) -> tuple[ScheduleView, bool]:
        """Create it and wait until it is listed; an existing one with this id is not changed."""
        known = False
        tenant = TypedSearchAttributes([SearchAttributePair(_TENANT, new.tenant)])
        memo = _Memo(
            title=new.title,
            every=new.every,
            timezone=new.timezone,
            fingerprint=new.fingerprint,
            created_at=new.created_at,
        )
        try:
            async with answers_within(policies.ENGINE_START, except_for={RPCStatusCode.INVALID_ARGUMENT}):
                await self._client.create_schedule(
                    new.schedule_id,
                    _schedule(new, tenant),
                    memo={_MEMO: memo},
                    search_attributes=tenant,
                    rpc_timeout=policies.ENGINE_START,
                )
        except ScheduleAlreadyRunningError:
            known = True
        except RPCError:
            # Temporal's table of time zones may be older than ours.
            words = "these times, or this time zone, are refused by Temporal"
            raise InvalidInput([FieldError("/every", "refused", words)]) from None
        _, view = await self._get(new.schedule_id, new.tenant)
        await self._until_listed(new.schedule_id, new.tenant, lambda row: row is not None)
        return view, known

    async def list(self, tenant: str) -> Sequence[ScheduleView]:
        """All of a tenant, newest first."""
        quoted = tenant.replace("'", "''")
        rows = []
        async with answers_within(policies.ENGINE_ANSWER):
            query = f"{names.TENANT} = '{quoted}'"
            async for found in await self._client.list_schedules(query, rpc_timeout=policies.ENGINE_ANSWER):
                if is_schedule_id(found.id):
                    rows.append(await _view(found))
        return sorted(rows, key=lambda row: (row.created_at, row.schedule_id), reverse=True)

    async def pause(self, schedule_id: str, tenant: str) -> ScheduleView:
        """Pause it and wait until the list shows that."""
        handle, _ = await self._get(schedule_id, tenant)
        async with _schedule_answers():
            await handle.pause(note="paused by a person", rpc_timeout=policies.ENGINE_ANSWER)
        await self._until_listed(schedule_id, tenant, lambda row: row is None or row.paused)
        return (await self._get(schedule_id, tenant))[1]

    async def resume(self, schedule_id: str, tenant: str) -> ScheduleView:
        """Resume it and wait until the list shows that."""
        handle, _ = await self._get(schedule_id, tenant)
        async with _schedule_answers():
            await handle.unpause(note="resumed by a person", rpc_timeout=policies.ENGINE_ANSWER)
        await self._until_listed(schedule_id, tenant, lambda row: row is None or not row.paused)
        return (await self._get(schedule_id, tenant))[1]

    async def delete(self, schedule_id: str, tenant: str) -> None:
        """Delete it and wait until it is listed no more."""
        handle, _ = await self._get(schedule_id, tenant)
        async with _schedule_answers():
            await handle.delete(rpc_timeout=policies.ENGINE_ANSWER)
        await self._until_listed(schedule_id, tenant, lambda row: row is None)

    async def _get(self, schedule_id: str, tenant: str) -> tuple[ScheduleHandle, ScheduleView]:
        if not is_schedule_id(schedule_id):
            raise NotFound("there is no such schedule")
        handle = self._client.get_schedule_handle(schedule_id)
        async with _schedule_answers():
            found = await handle.describe(rpc_timeout=policies.ENGINE_ANSWER)
        if found.typed_search_attributes.get(_TENANT) != tenant:
            raise NotFound("there is no such schedule")
        return handle, await _view(found)

    async def _until_listed(
        self, schedule_id: str, tenant: str, is_reached: Callable[[ScheduleView | None], bool]
    ) -> None:
        """Wait until Temporal's list, which is eventually consistent, shows the change.

        The change itself is made, so a list that takes longer is no failure.
        """
        with suppress(TimeoutError, InfrastructureDown):
            async with asyncio.timeout(policies.ENGINE_ANSWER.total_seconds()):
                while True:
                    rows = await self.list(tenant)
                    if is_reached(next((row for row in rows if row.schedule_id == schedule_id), None)):
                        return
                    await asyncio.sleep(_POLL_SECONDS)


@asynccontextmanager
async def _schedule_answers() -> AsyncIterator[None]:
    try:
        async with answers_within(policies.ENGINE_ANSWER, except_for={RPCStatusCode.NOT_FOUND}):
            yield
    except RPCError:
        raise NotFound("there is no such schedule") from None


def _schedule(new: NewSchedule, tenant: TypedSearchAttributes) -> Schedule:
    return Schedule(
        action=ScheduleActionStartWorkflow(
            new.workflow_type,
            new.message,
            id=new.schedule_id,  # the server adds the time of the firing
            task_queue=new.task_queue,
            task_timeout=policies.WORKFLOW_TASK_TIMEOUT,
            typed_search_attributes=tenant,
        ),
        spec=_spec(new.rhythm, new.timezone, new.created_at),
        policy=SchedulePolicy(
            # A firing only accepts a report, so two overlap only when the earlier one waits for our database. Then one
            # more is buffered: skipping would lose it, and buffering all would pay for a whole outage's worth of reports.
            overlap=ScheduleOverlapPolicy.BUFFER_ONE,
            # As long as the time between two firings: after an outage of Temporal only the newest firing is caught up.
            catchup_window=new.rhythm.shortest,
            # A request that cannot be accepted any more must not fail unnoticed each day.
            pause_on_failure=True,
        ),
    )


def _spec(rhythm: Rhythm, timezone: str, created_at: datetime) -> ScheduleSpec:
    if rhythm.interval is None:
        return ScheduleSpec(cron_expressions=[rhythm.cron or ""], time_zone_name=timezone)
    # Temporal counts intervals from 1970; users expect them to count from now.
    offset = timedelta(seconds=int(created_at.timestamp()) % int(rhythm.interval.total_seconds()))
    return ScheduleSpec(intervals=[ScheduleIntervalSpec(every=rhythm.interval, offset=offset)])


async def _view(found: _Found) -> ScheduleView:
    try:
        memo = await found.memo_value(_MEMO, type_hint=_Memo)
    except ApplicationError:  # the codec's error for a missing key
        memo = _UNREADABLE
    state = found.schedule.state if found.schedule else None
    paused = state is not None and state.paused
    following = found.info.next_action_times if found.info else ()
    past = [one.scheduled_at for one in found.info.recent_actions] if found.info else []
    return ScheduleView(
        schedule_id=found.id,
        title=memo.title,
        every=memo.every,
        timezone=memo.timezone,
        fingerprint=memo.fingerprint,
        created_at=memo.created_at,
        paused=paused,
        failed=paused and state is not None and (state.note or "").startswith(_PAUSED_BY_FAILURE),
        next_at=None if paused else next_report_time(following, past, memo.every, memo.timezone),
        last_at=past[-1] if past else None,
    )
