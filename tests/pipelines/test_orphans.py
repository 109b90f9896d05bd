"""Objects that no row names are removed an hour after their workflow's end; all others stay."""

import os
import secrets
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from durable_research.domain.errors import DocumentError, InfrastructureDown, NotFound
from durable_research.domain.workflows.events import Closed
from durable_research.domain.workflows.workflow import Kind, Status, new_workflow_id
from durable_research.pipelines.reconcile import pipeline
from durable_research.pipelines.reconcile.passes.orphans import Orphans
from durable_research.ports.database.workflows import NewWorkflow
from tests.pipelines.conftest import Harness

LONG_AGO = pipeline.ORPHAN_AGE + timedelta(minutes=5)


class Collector(Orphans):
    """A collector in its first pass, with the test's clock."""

    def __init__(self, harness: Harness) -> None:
        self.time = datetime.now(UTC)
        super().__init__(harness.objects, harness.named, lambda: self.time, harness.meter)


@pytest.fixture(autouse=True)
async def empty_store(harness: Harness) -> None:
    """Objects left by other tests would be counted."""
    for one in [one async for one in harness.objects.list()]:
        await harness.objects.delete(one.key)


@pytest.fixture
def collector(harness: Harness) -> Collector:
    return Collector(harness)


def new_id() -> str:
    return new_workflow_id(Kind.REPORT, int(time.time() * 1000), secrets.token_bytes(10))


async def accepted(harness: Harness, status: Status | None = None) -> str:
    """A workflow of the given end, or one that runs."""
    workflow_id = new_id()
    await harness.workflows.accept(NewWorkflow(workflow_id, Kind.REPORT, "default", "a title", {"prompt": "p"}))
    await harness.workflows.mark_started(workflow_id, 0)
    if status:
        await harness.progress.close(workflow_id, status, Closed())
    return workflow_id


async def ended(harness: Harness, workflow_id: str, ago: timedelta = LONG_AGO) -> None:
    """Make it look as if nothing had happened to it for that long."""
    statement = text(
        "UPDATE workflows SET updated_at = clock_timestamp() - CAST(:ago AS interval) WHERE workflow_id = :id"
    )
    async with harness.database.one() as connection:
        await connection.execute(statement, {"ago": ago, "id": workflow_id})


def age(harness: Harness, key: str, by: timedelta = LONG_AGO) -> None:
    """Make the object look that old."""
    then = time.time() - by.total_seconds()
    os.utime(harness.objects_folder / key, (then, then))


async def left_behind(harness: Harness) -> str:
    """An object that a report left which was cancelled long ago."""
    report = await accepted(harness, Status.CANCELLED)
    await ended(harness, report)
    return await stored(harness, report)


async def stored(harness: Harness, workflow_id: str, by: timedelta = LONG_AGO) -> str:
    """An object of the workflow that no row names."""
    key = f"default/{workflow_id}/{secrets.token_hex(32)}.md"
    await harness.objects.put(key, b"text")
    age(harness, key, by)
    return key


async def is_there(harness: Harness, key: str) -> bool:
    try:
        await harness.objects.get(key)
    except NotFound:
        return False
    return True


async def test_an_object_left_by_a_cancelled_report_is_removed(harness: Harness, collector: Collector) -> None:
    key = await left_behind(harness)

    assert await collector.collect() == 1

    assert not await is_there(harness, key)


async def test_an_object_of_an_unknown_workflow_is_not_removed(harness: Harness, collector: Collector) -> None:
    key = await stored(harness, new_id())

    await collector.collect()

    assert await is_there(harness, key)


async def test_every_object_of_a_finished_report_stays_readable(harness: Harness, collector: Collector) -> None:
    report = await harness.submit("kept for good")
    await harness.finished(report)
    await ended(harness, report)
    stored_keys = [one.key async for one in harness.objects.list(f"default/{report}")]
    for key in stored_keys:
        age(harness, key)

    await collector.collect()

    assert sorted(key.rpartition(".")[2] for key in stored_keys) == ["html", "md", "pdf"]
    assert [key for key in stored_keys if not await is_there(harness, key)] == []


async def test_a_text_named_only_by_the_ledger_is_not_removed(harness: Harness, collector: Collector) -> None:
    harness.renderer.fail("paid, and never typeset", DocumentError("cannot be typeset"))
    report = await harness.submit("paid, and never typeset")
    assert (await harness.finished(report))["status"] == "failed"
    await ended(harness, report)
    (stored_keys,) = [one.key async for one in harness.objects.list(f"default/{report}")]
    age(harness, stored_keys)

    await collector.collect()

    assert await is_there(harness, stored_keys)


async def test_an_object_that_a_partly_done_report_will_name_is_not_removed(
    harness: Harness, collector: Collector
) -> None:
    report = await accepted(harness)
    key = await stored(harness, report)
    await harness.progress.close(report, Status.PARTLY_DONE, Closed(to_store={"pdf": {"pdf": {"key": key}}}))
    await ended(harness, report)

    await collector.collect()

    assert await is_there(harness, key)


async def test_no_object_of_a_running_report_is_removed(harness: Harness, collector: Collector) -> None:
    report = await accepted(harness)
    await ended(harness, report, timedelta(days=20))
    key = await stored(harness, report, timedelta(days=20))

    await collector.collect()

    assert await is_there(harness, key)


async def test_no_object_of_a_report_that_ended_recently_is_removed(harness: Harness, collector: Collector) -> None:
    report = await accepted(harness, Status.FAILED)
    key = await stored(harness, report)

    await collector.collect()

    assert await is_there(harness, key)


async def test_a_young_object_is_not_removed(harness: Harness, collector: Collector) -> None:
    report = await accepted(harness, Status.FAILED)
    await ended(harness, report)
    key = await stored(harness, report, pipeline.ORPHAN_AGE - timedelta(minutes=1))

    await collector.collect()

    assert await is_there(harness, key)


@pytest.mark.parametrize("key", ["default/texts/0000.md", "probe/readiness", "default/a/b/c.md", "notes.txt"])
async def test_an_object_with_a_key_of_another_layout_is_not_removed(
    harness: Harness, collector: Collector, key: str
) -> None:
    await harness.objects.put(key, b"somebody's")
    age(harness, key, timedelta(days=400))

    await collector.collect()

    assert await is_there(harness, key)


async def test_the_store_is_scanned_one_page_per_pass_and_once_an_hour(
    harness: Harness, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "OBJECTS_A_PASS", 1)
    for _ in range(2):
        await left_behind(harness)

    walking = [await collector.collect() for _ in range(3)]
    later = await left_behind(harness)
    resting = [await collector.collect() for _ in range(3)]

    assert (walking, resting) == ([1, 1, 0], [0, 0, 0])
    assert await is_there(harness, later)


async def test_the_scan_of_the_store_begins_again_after_an_hour(harness: Harness, collector: Collector) -> None:
    await collector.collect()
    key = await left_behind(harness)
    collector.time += pipeline.FIND_ORPHANS_EVERY

    await collector.collect()

    assert not await is_there(harness, key)


async def test_an_unreachable_store_does_not_fail_the_pass(
    harness: Harness, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(key: str) -> None:
        raise InfrastructureDown("the object store does not answer")

    await left_behind(harness)
    monkeypatch.setattr(harness.objects, "delete", away)

    assert await collector.collect() == 0


async def test_reconciliation_counts_the_removed_orphans(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    passes = [Collector(harness) if isinstance(one, Orphans) else one for one in harness.reconcile.passes]
    monkeypatch.setattr(harness.reconcile, "passes", passes)
    key = await left_behind(harness)

    assert (await harness.reconcile.reconcile()).orphans == 1

    assert not await is_there(harness, key)
