"""Schedules on a real Temporal server: each firing starts one report, and a change is visible in the next read."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from temporalio.client import Client, ScheduleBackfill, ScheduleHandle, ScheduleOverlapPolicy

from durable_research import queues
from durable_research.domain.caller import Caller
from durable_research.domain.errors import IdempotencyKeyReused, InfrastructureDown, InvalidInput, NotFound
from durable_research.domain.schedules.schedule import ID_PREFIX, Rhythm
from durable_research.operations.schedule import Scheduling
from durable_research.pipelines.accept_scheduled.messages import AcceptScheduledReport, Firing
from durable_research.ports.database.workflows import WorkflowFilter
from durable_research.ports.engine.schedules import NewSchedule, ScheduleView
from durable_research.temporal.client.schedules import TemporalSchedules
from durable_research.temporal.payloads.converter import data_converter
from tests.installation import PATIENCE_SECONDS
from tests.pipelines.conftest import Harness

EACH_SECOND = Rhythm(timedelta(seconds=1), interval=timedelta(seconds=1))


@pytest.fixture
def caller() -> Caller:
    """One of the test's own, so that its list holds nothing else."""
    return Caller(f"tenant-{secrets.token_hex(4)}")


async def added(harness: Harness, caller: Caller, **more: Any) -> ScheduleView:
    body = {"prompt": "What is new about tides?", "every": "1h", **more}
    return (await harness.scheduling.add(body, caller=caller)).view


async def each_second(
    harness: Harness,
    caller: Caller,
    request: dict[str, Any] | None = None,
    rhythm: Rhythm = EACH_SECOND,
    timezone: str = "UTC",
) -> str:
    """A schedule that people may not have: one that fires while a test waits."""
    new = NewSchedule(
        schedule_id=ID_PREFIX + secrets.token_hex(16),
        tenant=caller.tenant,
        title="each second",
        every="1s",
        timezone=timezone,
        rhythm=rhythm,
        fingerprint="",
        created_at=datetime.now(UTC),
        workflow_type="AcceptScheduledReportWorkflow",
        task_queue=queues.RESEARCH,
        message=AcceptScheduledReport(tenant=caller.tenant, request=request or {"prompt": "each second"}),
    )
    await harness.scheduling.schedules.create(new)
    return new.schedule_id


def handle(harness: Harness, schedule_id: str) -> ScheduleHandle:
    return harness.environment.client.get_schedule_handle(schedule_id)


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await is_so():
            await asyncio.sleep(0.05)


async def ended_firings(harness: Harness, schedule_id: str) -> int:
    query = f"TemporalScheduledById = '{schedule_id}' AND ExecutionStatus = 'Completed'"
    return (await harness.environment.client.count_workflows(query)).count


async def reports(harness: Harness, caller: Caller) -> list[str]:
    return [row.workflow_id for row in await harness.workflows.list(caller.tenant, WorkflowFilter())]


@pytest.fixture
def firings(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of firings, of which no report is made: those that come each second would be many."""
    seen: list[str] = []

    async def note(firing: Firing) -> str:
        seen.append(firing.firing_id)
        return "report-none"

    monkeypatch.setattr(harness.accept, "accept_once", note)
    return seen


async def test_a_firing_starts_one_ordinary_report(harness: Harness, caller: Caller) -> None:
    schedule = await added(harness, caller, prompt="Tides, again", title="Tides weekly", notify=["log"])

    await handle(harness, schedule.schedule_id).trigger()
    await until(lambda: _holds(lambda: ended_firings(harness, schedule.schedule_id), 1))

    (report,) = await reports(harness, caller)
    row = await harness.workflows.get(caller.workflow(report))
    assert row.input == {"prompt": "Tides, again", "title": "Tides weekly", "notify": ["log"]}
    await until(lambda: _holds(lambda: _status(harness, report, caller), "done"))


async def test_a_firing_that_starts_twice_makes_one_report(harness: Harness, caller: Caller) -> None:
    schedule = await added(harness, caller)
    due = schedule.created_at - timedelta(hours=1)
    around = ScheduleBackfill(start_at=due - timedelta(minutes=30), end_at=due + timedelta(minutes=30))

    for times in (1, 2):
        await handle(harness, schedule.schedule_id).backfill(around)
        await until(partial(_holds, lambda: ended_firings(harness, schedule.schedule_id), times))

    assert len(await reports(harness, caller)) == 1


async def test_a_retried_firing_with_a_lost_answer_finds_its_report(
    harness: Harness, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept_once, tries = harness.accept.accept_once, []

    async def lose_the_first_answer(firing: Firing) -> str:
        tries.append(await accept_once(firing))
        if len(tries) == 1:
            raise InfrastructureDown("the database does not answer")
        return tries[-1]

    monkeypatch.setattr(harness.accept, "accept_once", lose_the_first_answer)
    schedule = await added(harness, caller)

    await handle(harness, schedule.schedule_id).trigger()
    await until(lambda: _holds(lambda: ended_firings(harness, schedule.schedule_id), 1))

    assert len(tries) == 2
    assert [tries[0]] == await reports(harness, caller) == [tries[1]]


async def test_two_firings_start_two_reports(harness: Harness, caller: Caller) -> None:
    schedule = await added(harness, caller)
    start = schedule.created_at - timedelta(hours=2, minutes=30)

    await handle(harness, schedule.schedule_id).backfill(
        ScheduleBackfill(start_at=start, end_at=start + timedelta(hours=2))
    )
    await until(lambda: _holds(lambda: ended_firings(harness, schedule.schedule_id), 2))

    assert len(await reports(harness, caller)) == 2


@pytest.mark.parametrize(
    ("every", "timezone", "day", "fired", "reports_expected"),
    [
        # What Temporal does (the fourth column) is written down in the guide to schedules.
        ("30 2 * * *", "Europe/Berlin", "2026-03-29", [], 0),
        ("30 2 * * *", "Europe/Berlin", "2025-10-26", ["01:30"], 1),
        ("30 1 * * *", "America/New_York", "2025-11-02", ["05:30", "06:30"], 1),
        ("15 2 * * *", "Australia/Lord_Howe", "2025-10-05", ["15:45"], 0),
        ("15 2 * * *", "Australia/Lord_Howe", "2025-10-06", ["15:15"], 1),
    ],
)
async def test_a_skipped_local_time_fires_not_at_all_and_a_repeated_one_once(
    harness: Harness, caller: Caller, every: str, timezone: str, day: str, fired: list[str], reports_expected: int
) -> None:
    schedule = (await added(harness, caller, every=every, timezone=timezone)).schedule_id
    midnight = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(timezone))
    # The next day's firing shows that the day's have begun. A trigger would not do: two patches of a schedule at once are one.
    until_noon = ScheduleBackfill(
        start_at=midnight, end_at=midnight + timedelta(hours=36), overlap=ScheduleOverlapPolicy.ALLOW_ALL
    )

    await handle(harness, schedule).backfill(until_noon)

    await until(lambda: _holds(lambda: ended_firings(harness, schedule), len(fired) + 1))
    found = harness.environment.client.list_workflows(f"TemporalScheduledById = '{schedule}'")
    due = sorted([one.id[-20:] async for one in found])[:-1]  # without the next day's
    assert [at[-9:-4] for at in due] == fired
    assert len(await reports(harness, caller)) == reports_expected + 1


async def test_the_next_time_is_no_skipped_local_time(harness: Harness, caller: Caller) -> None:
    october = datetime(datetime.now(UTC).year + 1, 10, 1, tzinfo=UTC)
    sunday = next(day for day in range(1, 8) if october.replace(day=day).isoweekday() == 7)

    # Clocks go from 02:00 to 02:30 there on that Sunday.
    schedule = await added(harness, caller, every=f"15 2 {sunday} 10 *", timezone="Australia/Lord_Howe")

    assert schedule.next_at is not None
    shown = schedule.next_at.astimezone(ZoneInfo("Australia/Lord_Howe"))
    assert (shown.year > october.year, shown.day, f"{shown:%H:%M}") == (True, sunday, "02:15")


async def test_a_paused_schedule_does_not_fire_until_it_is_resumed(
    harness: Harness, caller: Caller, firings: list[str]
) -> None:
    paused, other = await each_second(harness, caller), await each_second(harness, caller)
    await until(lambda: _fired(firings, paused, 1))

    assert (await harness.scheduling.pause(paused, caller)).paused
    before = (await handle(harness, paused).describe()).info.num_actions
    seen = len([one for one in firings if other in one])
    await until(lambda: _fired(firings, other, seen + 3))  # the time for three firings has passed
    assert (await handle(harness, paused).describe()).info.num_actions == before

    assert not (await harness.scheduling.resume(paused, caller)).paused
    seen = len([one for one in firings if paused in one])
    await until(lambda: _fired(firings, paused, seen + 1))
    for schedule in (paused, other):
        await harness.scheduling.delete(schedule, caller)


async def test_a_deleted_schedule_does_not_fire(harness: Harness, caller: Caller, firings: list[str]) -> None:
    deleted, other = await each_second(harness, caller), await each_second(harness, caller)
    await until(lambda: _fired(firings, deleted, 1))

    await harness.scheduling.delete(deleted, caller)
    # A firing that had begun may still arrive: it has until the other schedule's next firing.
    seen = len([one for one in firings if other in one])
    await until(lambda: _fired(firings, other, seen + 3))
    before = [one for one in firings if deleted in one]
    await until(lambda: _fired(firings, other, seen + 6))

    assert [one for one in firings if deleted in one] == before
    with pytest.raises(NotFound):
        await harness.scheduling.pause(deleted, caller)
    await harness.scheduling.delete(other, caller)


async def test_a_schedule_with_a_refused_request_is_paused_as_failed(harness: Harness, caller: Caller) -> None:
    refused = await each_second(harness, caller, {"prompt": "tides?", "notify": ["fax"]})

    async def has_stopped() -> bool:
        (row,) = await harness.scheduling.list(caller)
        return row.failed and row.paused

    await until(has_stopped)
    assert await reports(harness, caller) == []
    await harness.scheduling.delete(refused, caller)


async def test_every_change_is_visible_in_the_list_at_once(harness: Harness, caller: Caller) -> None:
    first, second = await added(harness, caller, title="first"), await added(harness, caller, title="second")
    assert [row.title for row in await harness.scheduling.list(caller)] == ["second", "first"]

    await harness.scheduling.pause(first.schedule_id, caller)
    assert [row.paused for row in await harness.scheduling.list(caller)] == [False, True]

    await harness.scheduling.resume(first.schedule_id, caller)
    assert [row.paused for row in await harness.scheduling.list(caller)] == [False, False]

    await harness.scheduling.delete(second.schedule_id, caller)
    assert [row.title for row in await harness.scheduling.list(caller)] == ["first"]


class LateList(TemporalSchedules):
    """Temporal promises its list only in the end; the test's own server is too quick to show it."""

    late = 5

    async def list(self, tenant: str) -> Sequence[ScheduleView]:
        self.late -= 1
        return [] if self.late > 0 else await super().list(tenant)


async def test_a_change_waits_until_temporals_list_shows_it(harness: Harness, caller: Caller) -> None:
    schedules = LateList(harness.environment.client)
    scheduling = Scheduling(harness.starting, schedules, harness.scheduling.now)

    await scheduling.add({"prompt": "tides?", "every": "1h"}, caller=caller)

    assert schedules.late <= 0


async def test_a_schedule_of_another_tenant_is_unknown(harness: Harness, caller: Caller) -> None:
    schedule = await added(harness, caller)

    assert await harness.scheduling.list(Caller(f"{caller.tenant}' OR ResearchTenant != '")) == []
    for verb in (harness.scheduling.pause, harness.scheduling.resume, harness.scheduling.delete):
        with pytest.raises(NotFound):
            await verb(schedule.schedule_id, Caller("others"))
    assert [row.paused for row in await harness.scheduling.list(caller)] == [False]


async def test_the_same_key_and_request_make_one_schedule(harness: Harness, caller: Caller) -> None:
    body = {"prompt": "tides?", "every": "1d"}
    first = await harness.scheduling.add(body, caller=caller, idempotency_key="k")
    again = await harness.scheduling.add(body, caller=caller, idempotency_key="k")

    assert (first.replayed, again.replayed) == (False, True)
    assert first.view.schedule_id == again.view.schedule_id
    with pytest.raises(IdempotencyKeyReused):
        await harness.scheduling.add(body | {"every": "2d"}, caller=caller, idempotency_key="k")
    assert len(await harness.scheduling.list(caller)) == 1


@pytest.mark.parametrize(
    ("every", "window"),
    [("6h", timedelta(hours=6)), ("*/5 * * * *", timedelta(minutes=5)), ("0 9 1 * *", timedelta(days=1))],
)
async def test_after_an_outage_one_missed_firing_runs_and_one_is_buffered(
    harness: Harness, caller: Caller, every: str, window: timedelta
) -> None:
    schedule = await added(harness, caller, every=every)

    policy = (await handle(harness, schedule.schedule_id).describe()).schedule.policy
    assert (policy.catchup_window, policy.overlap) == (window, ScheduleOverlapPolicy.BUFFER_ONE)


async def test_an_interval_starts_at_the_creation_of_the_schedule(harness: Harness, caller: Caller) -> None:
    schedule = await added(harness, caller, every="1w")

    assert schedule.next_at == schedule.created_at.replace(microsecond=0) + timedelta(weeks=1)


async def test_a_cron_line_is_read_in_its_time_zone(harness: Harness, caller: Caller) -> None:
    schedule = await added(harness, caller, every="30 9 * * *", timezone="Asia/Tokyo")

    assert schedule.next_at is not None
    assert (schedule.next_at.hour, schedule.next_at.minute) == (0, 30)


@pytest.mark.parametrize(
    ("line", "weekdays"),
    [
        ("0 9 * * sun", {6}),
        ("0 9 * * 7", {6}),
        ("0 9 * * 5-7", {4, 5, 6}),
        ("0 9 * * Mon,3", {0, 2}),
        ("0/15 * * * *", None),
        ("5-10/2,40 1-3 */2 jan-dec/3 *", None),
        ("0 9 29 2 *", None),
    ],
)
async def test_temporal_reads_a_cron_line_as_we_do(
    harness: Harness, caller: Caller, line: str, weekdays: set[int] | None
) -> None:
    schedule = await added(harness, caller, every=line)

    times = (await handle(harness, schedule.schedule_id).describe()).info.next_action_times
    assert len(times) > 0
    assert weekdays is None or {time.weekday() for time in times} == weekdays
    await harness.scheduling.delete(schedule.schedule_id, caller)


async def test_a_time_zone_unknown_to_temporal_is_refused_at_once(harness: Harness, caller: Caller) -> None:
    with pytest.raises(InvalidInput):
        await each_second(harness, caller, rhythm=Rhythm(timedelta(days=1), cron="0 9 * * *"), timezone="Mars/Olympus")

    assert await harness.scheduling.list(caller) == []


async def test_a_schedule_is_sealed_in_temporals_store(harness: Harness, caller: Caller) -> None:
    schedule = await added(harness, caller, prompt="canary of a schedule", title="canary in its title")

    described = await handle(harness, schedule.schedule_id).describe()
    listed = [one async for one in await harness.environment.client.list_schedules() if one.id == schedule.schedule_id]

    stored_bytes = described.raw_description.SerializeToString() + listed[0].raw_entry.SerializeToString()
    assert schedule.schedule_id.encode() in stored_bytes or b"recurring" in stored_bytes
    assert b"canary" not in stored_bytes


async def test_a_schedule_whose_key_is_missing_can_still_be_seen_and_deleted(harness: Harness, caller: Caller) -> None:
    schedule = await added(harness, caller)
    target = harness.environment.client.service_client.config.target_host
    without_keys = await Client.connect(target, data_converter=data_converter((), "default"))
    scheduling = Scheduling(harness.starting, TemporalSchedules(without_keys), harness.scheduling.now)

    (row,) = await scheduling.list(caller)
    await scheduling.delete(schedule.schedule_id, caller)

    assert (row.schedule_id, row.title) == (schedule.schedule_id, "(sealed with a key that is not here)")
    assert await harness.scheduling.list(caller) == []


async def _holds(read: Callable[[], Awaitable[object]], expected: object) -> bool:
    return await read() == expected


async def _fired(firings: list[str], schedule_id: str, times: int) -> bool:
    return len([one for one in firings if schedule_id in one]) >= times


async def _status(harness: Harness, report: str, caller: Caller) -> str:
    return (await harness.workflows.get(caller.workflow(report))).status
