"""Objects that no row names are removed an hour after their workflow's end; all others stay."""

import os
import secrets
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from durable_research import policies
from durable_research.domain.errors import DocumentError, InfrastructureDown, NotFound
from durable_research.domain.workflows.workflow import Kind, Status, new_workflow_id
from durable_research.pipelines.reconcile.activities import Orphans
from durable_research.ports.database.workflows import NewWorkflow
from tests.pipelines.conftest import House

LONG_AGO = policies.ORPHAN_AGE + timedelta(minutes=5)


class Collector(Orphans):
    """One that is asked for the first time, with a clock of the test's."""

    def __init__(self, house: House) -> None:
        self.time = datetime.now(UTC)
        super().__init__(house.objects, house.named, lambda: self.time)


@pytest.fixture(autouse=True)
async def empty_store(house: House) -> None:
    """What other tests left would be counted."""
    for one in [one async for one in house.objects.list()]:
        await house.objects.delete(one.key)


@pytest.fixture
def collector(house: House) -> Collector:
    return Collector(house)


def new_id() -> str:
    return new_workflow_id(Kind.REPORT, int(time.time() * 1000), secrets.token_bytes(10))


async def accepted(house: House, status: Status | None = None) -> str:
    """A workflow of the given end, or one that runs."""
    workflow_id = new_id()
    await house.workflows.accept(NewWorkflow(workflow_id, Kind.REPORT, "default", "a title", {"prompt": "p"}))
    await house.workflows.mark_started(workflow_id, 0)
    if status:
        await house.progress.close(workflow_id, status, {})
    return workflow_id


async def ended(house: House, workflow_id: str, ago: timedelta = LONG_AGO) -> None:
    """Make it look as if nothing had happened to it for that long."""
    statement = text(
        "UPDATE workflows SET updated_at = clock_timestamp() - CAST(:ago AS interval) WHERE workflow_id = :id"
    )
    async with house.database.one() as connection:
        await connection.execute(statement, {"ago": ago, "id": workflow_id})


def age(house: House, key: str, by: timedelta = LONG_AGO) -> None:
    """Make the object look that old."""
    then = time.time() - by.total_seconds()
    os.utime(house.objects_folder / key, (then, then))


async def left_behind(house: House) -> str:
    """An object that a report left which was cancelled long ago."""
    report = await accepted(house, Status.CANCELLED)
    await ended(house, report)
    return await stored(house, report)


async def stored(house: House, workflow_id: str, by: timedelta = LONG_AGO) -> str:
    """An object of the workflow that no row names."""
    key = f"default/{workflow_id}/{secrets.token_hex(32)}.md"
    await house.objects.put(key, b"text")
    age(house, key, by)
    return key


async def is_there(house: House, key: str) -> bool:
    try:
        await house.objects.get(key)
    except NotFound:
        return False
    return True


async def test_what_a_cancelled_report_left_is_removed(house: House, collector: Collector) -> None:
    key = await left_behind(house)

    assert await collector.collect() == 1

    assert not await is_there(house, key)


async def test_what_belongs_to_a_workflow_that_no_row_knows_is_somebody_elses(
    house: House, collector: Collector
) -> None:
    key = await stored(house, new_id())

    await collector.collect()

    assert await is_there(house, key)


async def test_everything_of_a_finished_report_stays_readable(house: House, collector: Collector) -> None:
    report = await house.ask("kept for good")
    await house.finished(report)
    await ended(house, report)
    kept = [one.key async for one in house.objects.list(f"default/{report}")]
    for key in kept:
        age(house, key)

    await collector.collect()

    assert sorted(key.rpartition(".")[2] for key in kept) == ["html", "md", "pdf"]
    assert [key for key in kept if not await is_there(house, key)] == []


async def test_a_text_that_only_the_ledger_names_stays(house: House, collector: Collector) -> None:
    house.renderer.fail("paid, and never typeset", DocumentError("cannot be typeset"))
    report = await house.ask("paid, and never typeset")
    assert (await house.finished(report))["status"] == "failed"
    await ended(house, report)
    (kept,) = [one.key async for one in house.objects.list(f"default/{report}")]
    age(house, kept)

    await collector.collect()

    assert await is_there(house, kept)


async def test_what_a_partly_done_report_will_name_stays(house: House, collector: Collector) -> None:
    report = await accepted(house)
    key = await stored(house, report)
    await house.progress.close(report, Status.PARTLY_DONE, {"to_store": {"pdf": {"pdf": {"key": key}}}})
    await ended(house, report)

    await collector.collect()

    assert await is_there(house, key)


async def test_nothing_of_a_report_under_way_is_touched(house: House, collector: Collector) -> None:
    report = await accepted(house)
    await ended(house, report, timedelta(days=20))
    key = await stored(house, report, timedelta(days=20))

    await collector.collect()

    assert await is_there(house, key)


async def test_nothing_of_a_report_that_has_just_ended_is_touched(house: House, collector: Collector) -> None:
    report = await accepted(house, Status.FAILED)
    key = await stored(house, report)

    await collector.collect()

    assert await is_there(house, key)


async def test_a_young_object_stays(house: House, collector: Collector) -> None:
    report = await accepted(house, Status.FAILED)
    await ended(house, report)
    key = await stored(house, report, policies.ORPHAN_AGE - timedelta(minutes=1))

    await collector.collect()

    assert await is_there(house, key)


@pytest.mark.parametrize("key", ["default/texts/0000.md", "probe/readiness", "default/a/b/c.md", "notes.txt"])
async def test_what_is_not_laid_out_like_ours_is_never_touched(house: House, collector: Collector, key: str) -> None:
    await house.objects.put(key, b"somebody's")
    age(house, key, timedelta(days=400))

    await collector.collect()

    assert await is_there(house, key)


async def test_a_store_is_walked_a_page_in_a_pass_and_once_an_hour(
    house: House, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "OBJECTS_A_PASS", 1)
    for _ in range(2):
        await left_behind(house)

    walking = [await collector.collect() for _ in range(3)]
    later = await left_behind(house)
    resting = [await collector.collect() for _ in range(3)]

    assert (walking, resting) == ([1, 1, 0], [0, 0, 0])
    assert await is_there(house, later)


async def test_an_hour_later_the_walk_begins_anew(house: House, collector: Collector) -> None:
    await collector.collect()
    key = await left_behind(house)
    collector.time += policies.LOOK_FOR_ORPHANS_EVERY

    await collector.collect()

    assert not await is_there(house, key)


async def test_a_store_that_is_away_does_not_hold_up_the_rest_of_the_pass(
    house: House, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(key: str) -> None:
        raise InfrastructureDown("the object store does not answer")

    await left_behind(house)
    monkeypatch.setattr(house.objects, "delete", away)

    assert await collector.collect() == 0


async def test_a_pass_of_reconciliation_counts_what_it_removed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.reconcile, "orphans", Collector(house))
    key = await left_behind(house)

    assert (await house.reconcile.reconcile()).orphans == 1

    assert not await is_there(house, key)
