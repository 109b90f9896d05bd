"""A report that is to begin later sleeps in the engine until then."""

from datetime import UTC, datetime, timedelta

import pytest

from durable_research.domain.caller import LOCAL_CALLER
from durable_research.domain.errors import InvalidInput
from tests.pipelines.conftest import Harness


def in_(**time: float) -> str:
    return (datetime.now(UTC) + timedelta(**time)).isoformat()


async def test_a_report_begins_at_its_start_time(harness: Harness) -> None:
    begins_at = in_(seconds=5)

    report = await harness.submit("not before", start_after=begins_at)
    status = await harness.status(report)
    assert (status["status"], status["waits_for"]["what"][:12]) == ("sleeping", "it begins at")

    assert (await harness.finished(report))["status"] == "done"
    events = await harness.progress.read(report)
    begun = next(event.at for event in events if event.kind == "attempt_started")
    assert begun >= datetime.fromisoformat(begins_at)


async def test_a_start_time_in_the_past_begins_at_once(harness: Harness) -> None:
    report = await harness.submit("late already", start_after="2020-02-29T12:00:00+05:30")

    assert (await harness.finished(report))["status"] == "done"


async def test_a_sleeping_report_is_cancelled_at_once(harness: Harness) -> None:
    report = await harness.submit("never to begin", start_after=in_(days=300))

    await harness.cancelling.cancel(report, LOCAL_CALLER)

    assert (await harness.finished(report))["status"] == "cancelled"
    assert harness.servers.billing_log("never to begin") == []


async def test_a_sleeping_report_continues_to_sleep_while_no_worker_runs(harness: Harness) -> None:
    report = await harness.submit("sleeps on", start_after=in_(seconds=2))

    await harness.stop_workers()
    await harness.start_workers()

    assert (await harness.finished(report))["status"] == "done"


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        (in_(days=367), "out_of_range"),
        ("2026-11-22T09:00:00", "invalid_time"),
        ("2026-11-22", "invalid_time"),
        ("tomorrow", "invalid_time"),
        ("2026-13-40T09:00:00Z", "invalid_time"),
        ("0001-01-01T00:00:00+23:59", "invalid_time"),
        (1_800_000_000, "type"),
    ],
    ids=["a year and two days", "no offset", "a day", "a word", "no such day", "before all time", "a number"],
)
async def test_a_start_time_that_is_malformed_or_beyond_a_year_is_refused(
    harness: Harness, moment: object, code: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await harness.submit("when?", start_after=moment)

    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/start_after", code)]
