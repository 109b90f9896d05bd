"""Races with a resumption: late cancellations, calls that still run, earlier edits and titles."""

import asyncio
from typing import Any, NoReturn

import pytest

from durable_research import policies
from durable_research.domain.caller import LOCAL_CALLER
from durable_research.domain.documents.tree import Document
from durable_research.domain.errors import DocumentError, InvalidInput, InvalidState
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.progress import Attempt
from durable_research.pipelines.reconcile.passes.close_ended import CloseEnded
from tests.installation import PATIENCE_SECONDS
from tests.pipelines.conftest import Harness
from tests.pipelines.leftovers import NOTHING, left
from tests.pipelines.test_approval import decide, parked, waiting
from tests.pipelines.test_notices import ended, failed, notice_types

pytestmark = pytest.mark.usefixtures("quick_retries")


async def test_a_call_still_running_when_its_report_failed_is_resumed(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies.Patience, "step_seconds", property(lambda _: 2.0))
    harness.fault("a call that outlives its step", latency_seconds=15)
    report = await harness.submit("a call that outlives its step")
    assert (await harness.finished(report))["error"]["code"] == "step_timed_out"
    monkeypatch.undo()

    offer = await harness.resuming.offer(await harness.reading.status(report, LOCAL_CALLER))
    await harness.resuming.resume(report, LOCAL_CALLER, {})

    assert (await harness.finished(report))["status"] == "done"
    assert offer is not None
    assert offer.price == "nothing"
    assert len(harness.servers.billing_log("a call that outlives its step")) == 1


async def test_a_report_cancelled_before_its_delivery_to_temporal_leaves_no_run(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness.starting, "deliver", lambda _: None)
    row = (await harness.starting.start("generate-report", {"prompt": "never given"}, caller=LOCAL_CALLER)).row
    await harness.cancelling.cancel(row.workflow_id, LOCAL_CALLER)

    await harness.starting.submit(row)

    await ended(harness, row.workflow_id)


async def test_a_lost_report_resumed_and_cancelled_leaves_nothing(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = await failed(harness, "forgotten between two runs")
    await harness.forget(report)
    monkeypatch.setattr(harness.starting, "deliver", lambda _: None)
    await harness.resuming.resume(report, LOCAL_CALLER, {})
    await harness.cancelling.cancel(report, LOCAL_CALLER)

    await harness.begin_again(report)

    await ended(harness, report)
    assert await left(harness, report) == NOTHING


async def test_a_cancel_request_for_an_earlier_run_does_not_reach_a_later_one(harness: Harness) -> None:
    report = await failed(harness, "cancelled too late for its run")
    harness.renderer.fail("cancelled too late for its run", "hang")
    await harness.resuming.resume(report, LOCAL_CALLER, {})
    await harness.until_step(report, "create_pdf", "running")

    assert await harness.engine.cancel(report, 0) is False
    assert await harness.engine.cancel(report, 1) is True
    assert (await harness.finished(report))["status"] == "cancelled"


@pytest.mark.parametrize("text", ["# ", "---\n\n&nbsp;"])
async def test_a_corrected_text_is_validated_like_an_edited_draft(harness: Harness, text: str) -> None:
    report = await failed(harness, f"corrected to nothing {len(text)}")

    with pytest.raises(InvalidInput):
        await harness.resuming.resume(report, LOCAL_CALLER, {"text": text})


async def test_a_resumed_report_that_waits_for_approval_again_is_notified_again(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting(harness, monkeypatch, reminder_seconds=5, expiry_seconds=2)
    report = await harness.submit("nobody looked the first time", approval="before_pdf")
    await harness.finished(report)
    await ended(harness, report)
    waiting(harness, monkeypatch, reminder_seconds=600, expiry_seconds=900)
    notices_before = notice_types(harness, report).count("report.approval_asked")

    await harness.resuming.resume(report, LOCAL_CALLER, {})
    pending = (await harness.until(report, "waiting_for_you"))["asks"]

    async with asyncio.timeout(PATIENCE_SECONDS):
        while notice_types(harness, report).count("report.approval_asked") == notices_before:
            await asyncio.sleep(0.02)
    await decide(harness, report, pending["draft_sha256"], "approve")
    await harness.finished(report)


async def test_a_correction_back_to_the_draft_needs_a_new_approval(harness: Harness) -> None:
    harness.renderer.fail("edited by hand", DocumentError("no way"))
    report, sha256 = await parked(harness, "edited, failed, and corrected back")
    draft = await harness.approving.draft(report, LOCAL_CALLER)
    await decide(harness, report, sha256, "edit", text="# Edited by hand\n\nAnother text.\n")
    assert (await harness.finished(report))["status"] == "failed"

    await harness.resuming.resume(report, LOCAL_CALLER, {"text": draft})

    assert (await harness.until(report, "waiting_for_you", "done", "failed"))["status"] == "waiting_for_you"
    await decide(harness, report, sha256, "approve", "another")
    await harness.finished(report)
    assert await harness.text(report) == draft


async def test_a_report_terminated_after_its_row_was_stored_is_done(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, send_to_all = asyncio.Event(), harness.report._send_to_all
    submitted: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def send_to_one(message: Any, channels: Any) -> Any:
        # Another test's report may still send a late notice.
        is_mine = message.notification.workflow_id == await submitted
        outcome = await send_to_all(message, channels[:1] if is_mine else channels)
        if is_mine:
            held.set()
            await asyncio.Event().wait()
        return outcome

    monkeypatch.setattr(harness.report, "_send_to_all", send_to_one)
    report = await harness.submit("terminated amid telling")
    submitted.set_result(report)
    await held.wait()
    await harness.environment.client.get_workflow_handle(report).terminate("an operator")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await harness.pass_of(CloseEnded).close_one(
            await harness.workflows.get(WorkflowRef(report, "default"))
        ):
            await asyncio.sleep(0.05)

    status = await harness.status(report)

    assert (status["status"], harness.step(status, "send_notification")["state"]) == ("done", "left_out")
    assert (await harness.result(report))["pages"] == 1
    with pytest.raises(InvalidState):
        await harness.resuming.resume(report, LOCAL_CALLER, {})


async def test_a_cancel_request_before_a_failure_cancels_the_report(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, go_on = asyncio.Event(), asyncio.Event()

    async def fail_late(document: Document) -> NoReturn:
        held.set()
        await go_on.wait()
        raise DocumentError("no way")

    monkeypatch.setattr(harness.renderer, "render", fail_late)
    report = await harness.submit("cancelled before it fails")
    await held.wait()
    await harness.workflows.request_cancel(report)  # and Temporal does not have it yet
    go_on.set()

    assert (await harness.finished(report))["status"] == "cancelled"
    assert await left(harness, report) == NOTHING


async def test_a_cancel_request_after_the_end_is_refused(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    request = harness.workflows.request_cancel

    async def end_first(workflow_id: str) -> None:
        go_on.set()
        await harness.finished(workflow_id)
        await request(workflow_id)

    held, go_on = asyncio.Event(), asyncio.Event()

    async def fail_late(document: Document) -> NoReturn:
        held.set()
        await go_on.wait()
        raise DocumentError("no way")

    monkeypatch.setattr(harness.renderer, "render", fail_late)
    report = await harness.submit("failed before it is cancelled")
    await held.wait()
    monkeypatch.setattr(harness.workflows, "request_cancel", end_first)

    with pytest.raises(InvalidState):
        await harness.cancelling.cancel(report, LOCAL_CALLER)


async def test_a_report_cancelled_while_its_row_cannot_be_stored_is_cancelled(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, go_on = asyncio.Event(), asyncio.Event()

    async def store(row: Any, tenant: str, attempt: Attempt | None) -> NoReturn:
        held.set()
        await go_on.wait()
        raise ValueError("a bug of ours")

    monkeypatch.setattr(harness.reports, "store", store)
    report = await harness.submit("cancelled while it cannot be stored")
    await held.wait()
    await harness.cancelling.cancel(report, LOCAL_CALLER)
    go_on.set()

    assert (await harness.finished(report))["status"] == "cancelled"
    assert await left(harness, report) == NOTHING
