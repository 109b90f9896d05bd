"""A report is finished or cancelled, never both: the row that the library shows decides which of the two."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from durable_research.domain.caller import LOCAL_CALLER
from durable_research.domain.errors import DocumentError, InvalidState
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.approval import Verdict
from durable_research.domain.workflows.events import EventKind, Payload
from durable_research.domain.workflows.progress import Attempt
from durable_research.domain.workflows.workflow import Status
from tests.pipelines.conftest import Harness
from tests.pipelines.leftovers import NOTHING, left
from tests.pipelines.test_approval import decide, parked, waiting

STEPS = ("llm_call", "create_pdf", "store_report_metadata", "send_notification")
# A few in each run of the suite; two hundred for an investigation.
CANCELS_A_STEP = int(os.environ.get("CANCELS_A_STEP", "8"))
AT_ONCE = 8


def done_notifications(harness: Harness, report: str) -> int:
    return sum("report.done" in line["text"] for line in harness.servers.billing_log(report, kind="webhook"))


@pytest.mark.parametrize("step", ["llm_call", "create_pdf"])
async def test_a_report_cancelled_before_its_row_is_stored_leaves_nothing(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    async with held_at_the_end_of(harness, monkeypatch, step, "left nothing") as (report, go_on):
        await harness.cancelling.cancel(report, LOCAL_CALLER)
        go_on.set()

        assert (await harness.finished(report))["status"] == "cancelled"
    assert await left(harness, report) == NOTHING
    with pytest.raises(InvalidState):
        await harness.paid.read(report, LOCAL_CALLER)


async def test_a_cancellation_written_before_the_row_wins(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    original, held, go_on = harness.reports.store, asyncio.Event(), asyncio.Event()

    async def store(row: Any, tenant: str, attempt: Attempt | None) -> None:
        held.set()
        await go_on.wait()
        await original(row, tenant, attempt)

    monkeypatch.setattr(harness.reports, "store", store)
    report = await harness.submit("at the very moment")
    await held.wait()
    await harness.cancelling.cancel(report, LOCAL_CALLER)
    go_on.set()

    assert (await harness.finished(report))["status"] == "cancelled"
    assert await left(harness, report) == NOTHING


async def test_a_report_cancelled_after_its_row_is_stored_is_done_without_notification(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with held_at_the_end_of(harness, monkeypatch, "store_report_metadata", "too late") as (report, go_on):
        await harness.cancelling.cancel(report, LOCAL_CALLER)
        go_on.set()

        status = await harness.finished(report)

    assert status["status"] == "done"
    assert harness.step(status, "send_notification")["state"] == "left_out"
    assert "finished already" in harness.step(status, "send_notification")["left_out"]
    assert done_notifications(harness, report) == 0
    assert (await harness.reports.get(WorkflowRef(report, "default"))).report_id == report


async def test_an_approved_report_is_finished_despite_a_concurrent_cancellation(harness: Harness) -> None:
    report, sha256 = await parked(harness, "approved and cancelled", "before_notify")

    answers = await asyncio.gather(
        decide(harness, report, sha256, "approve"),
        harness.cancelling.cancel(report, LOCAL_CALLER),
        return_exceptions=True,
    )

    status = await harness.finished(report)
    decided = answers[0]
    is_approved = not isinstance(decided, BaseException) and decided.outcome is Verdict.APPROVE
    assert not is_approved or status["status"] == "done"
    assert (await left(harness, report) == NOTHING) == (status["status"] == "cancelled")


@pytest.mark.parametrize("step", STEPS)
async def test_a_cancellation_around_a_steps_end_leaves_exactly_one_outcome(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Before and after it, at random; each report is either in the library, or nothing of it is anywhere."""
    original, chance = harness.progress.end_attempt, random.Random(step)  # noqa: S311 # no secret
    tasks: set[asyncio.Task[Any]] = set()

    async def cancel_later(report: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        with suppress(InvalidState):  # it had ended
            await harness.cancelling.cancel(report, LOCAL_CALLER)

    async def end_attempt(attempt: Attempt, kind: EventKind, payload: Payload) -> None:
        if attempt.step == step and kind is EventKind.ATTEMPT_COMPLETED:
            before = chance.uniform(-0.01, 0.01)
            tasks.add(asyncio.create_task(cancel_later(attempt.workflow_id, max(0.0, -before))))
            await asyncio.sleep(max(0.0, before))
        await original(attempt, kind, payload)

    monkeypatch.setattr(harness.progress, "end_attempt", end_attempt)
    ends: set[str] = set()
    for _ in range(0, CANCELS_A_STEP, AT_ONCE):
        ends |= set(await asyncio.gather(*(one_end(harness) for _ in range(AT_ONCE))))
    await asyncio.gather(*tasks)

    assert ends <= {Status.DONE, Status.CANCELLED}


async def one_end(harness: Harness) -> str:
    """Run one report, and check that it has one outcome."""
    report = await harness.submit("cancelled around a step's end")
    status = await harness.finished(report)
    there = await left(harness, report)
    closings = [event for event in await harness.progress.read(report) if event.kind is EventKind.CLOSED]
    assert len(closings) == 1
    if status["status"] == Status.CANCELLED:
        assert there == NOTHING
        assert done_notifications(harness, report) == 0
    else:
        assert (there["rows"], there["objects"]) == (1, 3), "the row, with text, PDF and page"
    return str(status["status"])


@asynccontextmanager
async def held_at_the_end_of(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, step: str, prompt: str
) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A report whose step is done, while its worker has not yet reported it to the engine."""
    original, held, go_on = harness.progress.end_attempt, asyncio.Event(), asyncio.Event()
    known: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def end_attempt(attempt: Attempt, kind: EventKind, payload: Payload) -> None:
        is_mine = attempt.workflow_id == await known
        if is_mine and attempt.step == step and kind is EventKind.ATTEMPT_COMPLETED:
            held.set()
            await go_on.wait()
        await original(attempt, kind, payload)

    monkeypatch.setattr(harness.progress, "end_attempt", end_attempt)
    report = await harness.submit(prompt)
    known.set_result(report)
    await held.wait()
    try:
        yield report, go_on
    finally:
        go_on.set()


async def test_a_decision_around_the_expiry_has_the_outcome_of_the_log(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting(harness, monkeypatch, reminder_seconds=5, expiry_seconds=1)

    async def decided(late: float) -> tuple[str | None, str]:
        report = await harness.submit("approved as it expires", approval="before_pdf")
        status = await harness.until(report, "waiting_for_you", "failed")
        outcome = None
        if pending := status["asks"]:
            left_seconds = datetime.fromisoformat(pending["expires_at"]) - datetime.now(UTC)
            await asyncio.sleep(max(0.0, left_seconds.total_seconds() + late))
            with suppress(InvalidState):  # it had expired
                outcome = (await decide(harness, report, pending["draft_sha256"], "approve")).outcome
        return outcome, str((await harness.finished(report))["status"])

    ends = await asyncio.gather(*(decided(late / 1000) for late in (-40, -10, -5, 0, 5, 10)))

    # Without an answer in time the decision is left as a signal, and may still be the first.
    assert set(ends) <= {(Verdict.APPROVE, "done"), (None, "done"), (None, "failed")}


async def test_a_report_cancelled_while_it_is_resumed_has_one_outcome(harness: Harness, quick_retries: None) -> None:
    harness.renderer.fail("resumed and cancelled", DocumentError("no way"))
    report = await harness.submit("resumed and cancelled", title="resumed and cancelled")
    assert (await harness.finished(report))["status"] == "failed"

    resumed, cancelled = await asyncio.gather(
        harness.resuming.resume(report, LOCAL_CALLER, {}),
        harness.cancelling.cancel(report, LOCAL_CALLER),
        return_exceptions=True,
    )

    assert not isinstance(resumed, BaseException)
    assert not isinstance(cancelled, BaseException) or isinstance(cancelled, InvalidState)
    status = await harness.finished(report)
    assert (await left(harness, report) == NOTHING) == (status["status"] == "cancelled")
