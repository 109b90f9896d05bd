"""What meets a resumption at the wrong moment: late cancellations, calls that still run, edits and titles of before."""

import asyncio
from typing import Any, NoReturn

import pytest

from durable_research.domain.document import Document
from durable_research.domain.errors import DocumentError, InvalidInput
from durable_research.domain.progress import Attempt
from durable_research.temporal import policies
from tests.pipelines.conftest import House
from tests.pipelines.leftovers import NOTHING, left
from tests.pipelines.test_approval import decide, parked, waiting
from tests.pipelines.test_notices import ended, failed, told

pytestmark = pytest.mark.usefixtures("quick_retries")


async def test_a_call_that_still_ran_when_its_report_failed_is_taken_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies.Patience, "step_seconds", property(lambda _: 2.0))
    house.fault("a call that outlives its step", latency_seconds=15)
    report = await house.ask("a call that outlives its step")
    assert (await house.finished(report))["error"]["code"] == "step_timed_out"
    monkeypatch.undo()

    offer = await house.resuming.offer(report, "default")
    await house.resuming.resume(report, "default", {})

    assert (await house.finished(report))["status"] == "done"
    assert offer is not None
    assert offer.price == "nothing"
    assert len(house.servers.witness("a call that outlives its step")) == 1


async def test_cancelled_before_temporal_has_it_a_report_leaves_no_run_behind(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house.starting, "pass_on", lambda _: None)
    row = (await house.starting.start("generate-report", {"prompt": "never given"}, tenant="default")).row
    await house.cancelling.cancel(row.workflow_id, "default")

    await house.starting.give(row)

    await ended(house, row.workflow_id)


async def test_resumed_and_cancelled_when_temporal_has_forgotten_it_nothing_is_left(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = await failed(house, "forgotten between two runs")
    await house.forget(report)
    monkeypatch.setattr(house.starting, "pass_on", lambda _: None)
    await house.resuming.resume(report, "default", {})
    await house.cancelling.cancel(report, "default")

    await house.begin_again(report)

    await ended(house, report)
    assert await left(house, report) == NOTHING


async def test_a_wish_to_cancel_an_earlier_run_does_not_reach_a_later_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel, held, go_on = house.engine.cancel, asyncio.Event(), asyncio.Event()
    render, rendering, rendered = house.renderer.render, asyncio.Event(), asyncio.Event()

    async def cancel_late(workflow_id: str, *more: int) -> bool:
        held.set()
        await go_on.wait()
        return await cancel(workflow_id, *more)

    async def fail_late(document: Document) -> NoReturn:
        rendering.set()
        await rendered.wait()
        raise DocumentError("no way")

    monkeypatch.setattr(house.renderer, "render", fail_late)
    report = await house.ask("cancelled too late for its run")
    await rendering.wait()
    monkeypatch.setattr(house.engine, "cancel", cancel_late)
    wish = asyncio.create_task(house.cancelling.cancel(report, "default"))
    await held.wait()
    rendered.set()
    assert (await house.finished(report))["status"] == "failed"
    rendering.clear()
    rendered.clear()
    await house.resuming.resume(report, "default", {})
    await rendering.wait()

    go_on.set()
    await wish

    kinds = {event["eventType"] for event in await house.reading.history(report, "default")}
    assert "EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED" not in kinds
    monkeypatch.setattr(house.renderer, "render", render)
    rendered.set()
    await house.finished(report)


@pytest.mark.parametrize("text", ["# ", "---\n\n&nbsp;"])
async def test_a_corrected_text_is_checked_as_a_drafts_edit_is(house: House, text: str) -> None:
    report = await failed(house, f"corrected to nothing {len(text)}")

    with pytest.raises(InvalidInput):
        await house.resuming.resume(report, "default", {"text": text})


async def test_a_resumed_report_that_waits_for_approval_again_is_told_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting(house, monkeypatch, reminder_seconds=5, expiry_seconds=2)
    report = await house.ask("nobody looked the first time", approval="before_pdf")
    await house.finished(report)
    await ended(house, report)
    waiting(house, monkeypatch, reminder_seconds=600, expiry_seconds=900)
    asked_before = told(house, report).count("report.approval_asked")

    await house.resuming.resume(report, "default", {})
    asks = (await house.until(report, "waiting_for_you"))["asks"]

    async with asyncio.timeout(60):
        while told(house, report).count("report.approval_asked") == asked_before:
            await asyncio.sleep(0.02)
    await decide(house, report, asks["draft_sha256"], "approve")
    await house.finished(report)


async def test_a_correction_back_to_the_draft_is_asked_about_anew(house: House) -> None:
    house.renderer.fail("edited by hand", DocumentError("no way"))
    report, sha256 = await parked(house, "edited, failed, and corrected back")
    draft = await house.approving.draft(report, "default")
    await decide(house, report, sha256, "edit", text="# Edited by hand\n\nAnother text.\n")
    assert (await house.finished(report))["status"] == "failed"

    await house.resuming.resume(report, "default", {"text": draft})

    assert (await house.until(report, "waiting_for_you", "done", "failed"))["status"] == "waiting_for_you"
    await decide(house, report, sha256, "approve", "another")
    await house.finished(report)
    assert await house.text(report) == draft


async def test_a_corrected_title_is_told_to_whoever_was_not_told_before(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, tell_all = asyncio.Event(), house.report._tell_all

    async def tell_one(telling: Any, channels: Any) -> None:
        await tell_all(telling, channels[:1])
        held.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(house.report, "_tell_all", tell_one)
    report = await house.ask("terminated amid telling")
    await held.wait()
    await house.environment.client.get_workflow_handle(report).terminate("an operator")
    async with asyncio.timeout(60):
        while not await house.reconcile._close_one(await house.workflows.get(report, "default")):
            await asyncio.sleep(0.05)
    monkeypatch.setattr(house.report, "_tell_all", tell_all)

    await house.resuming.resume(report, "default", {"text": "# Quite another title\n\nWords."})

    await house.finished(report)
    assert (await house.reading.result(report, "default"))["notified"] == ["log", "webhook"]
    assert told(house, report) == ["report.done"]


async def test_cancelled_while_its_row_cannot_be_stored_a_report_is_cancelled(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, go_on = asyncio.Event(), asyncio.Event()

    async def store(row: Any, tenant: str, attempt: Attempt | None) -> NoReturn:
        held.set()
        await go_on.wait()
        raise ValueError("a bug of ours")

    monkeypatch.setattr(house.reports, "store", store)
    report = await house.ask("cancelled while it cannot be stored")
    await held.wait()
    await house.cancelling.cancel(report, "default")
    go_on.set()

    assert (await house.finished(report))["status"] == "cancelled"
    assert await left(house, report) == NOTHING
