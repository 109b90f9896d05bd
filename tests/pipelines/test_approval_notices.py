"""The report's own channels are notified that a draft waits for approval, and no receiver delays anything by that."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from durable_research import queues
from durable_research.domain.caller import LOCAL_CALLER
from durable_research.domain.workflows.approval import ApprovalNotice
from durable_research.domain.workflows.events import EventKind
from durable_research.pipelines.generate_report.messages import SendApprovalNotice
from durable_research.pipelines.generate_report.pipeline import PIPELINE
from tests.installation import PATIENCE_SECONDS
from tests.pipelines.conftest import Harness
from tests.pipelines.test_approval import decide, of_approval, parked, waiting
from tests.pipelines.test_notifying import KINDS, notified_keys

NOTICE = "send_approval_notice"


def webhooks(harness: Harness, report: str) -> list[dict[str, Any]]:
    """The bodies that the operator's webhook got about a report, oldest first."""
    bodies = [one["body"] for one in httpx.get(f"{harness.servers.up['simulator']}/sink/webhook", timeout=30).json()]
    return [json.loads(body) for body in bodies if report in body]


def types(harness: Harness, report: str) -> list[str]:
    return [body["type"] for body in webhooks(harness, report)]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.05)


async def ended(harness: Harness, report: str, attribute: str, count: int = 1) -> list[dict[str, Any]]:
    """Wait until the Event History holds so many events of a kind; return them."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = [event[attribute] async for event in harness.engine.history(report) if attribute in event]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)


async def in_flight(harness: Harness, report: str) -> None:
    """Wait until a worker is telling that the draft waits."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            view = await harness.engine.describe(report)
            if view and any(one.step == NOTICE and one.worker for one in view.pending):
                return
            await asyncio.sleep(0.05)


async def test_each_channel_is_notified_once_that_the_draft_waits(harness: Harness) -> None:
    report = await harness.submit("Who approves this?", approval="before_pdf", notify=["log", *KINDS])
    pending = (await harness.until(report, "waiting_for_you"))["asks"]

    await until(lambda: all(notified_keys(harness, report).values()))

    assert {kind: len(keys) for kind, keys in notified_keys(harness, report).items()} == {
        "webhook": 1,
        "email": 1,
        "slack": 1,
    }
    [body] = webhooks(harness, report)
    assert body == {
        "type": "report.approval_asked",
        "data": {
            "report_id": report,
            "title": "Who approves this?",
            "status": "waiting_for_you",
            "url": f"http://127.0.0.1:8000/reports/{report}",
            "before": "before_pdf",
            "expires_at": pending["expires_at"],
        },
    }
    await decide(harness, report, pending["draft_sha256"], "approve")
    await harness.finished(report)
    # Approved and finished, the report is notified again: that it is done.
    assert {kind: len(keys) for kind, keys in notified_keys(harness, report).items()} == {
        "webhook": 2,
        "email": 2,
        "slack": 2,
    }
    assert types(harness, report) == ["report.approval_asked", "report.done"]


async def test_each_channel_is_notified_once_more_at_the_reminder(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting(harness, monkeypatch, reminder_seconds=0.5, expiry_seconds=600)
    report = await harness.submit("Still nobody?", approval="before_notify", notify=["log", *KINDS])
    pending = (await harness.until(report, "waiting_for_you"))["asks"]

    await until(lambda: all(len(keys) >= 2 for keys in notified_keys(harness, report).values()))

    keys = notified_keys(harness, report)
    assert {kind: len(set(of_kind)) for kind, of_kind in keys.items()} == {"webhook": 2, "email": 2, "slack": 2}
    assert sorted(types(harness, report)) == ["report.approval_asked", "report.approval_reminded"]
    mails = [
        one
        for one in httpx.get(f"{harness.servers.up['simulator']}/sink/email", timeout=30).json()
        if report in one["body"]
    ]
    assert sorted(one["headers"]["subject"] for one in mails) == [
        "Reminder: your approval is asked for: Still nobody?",
        "Your approval is asked for: Still nobody?",
    ]
    await decide(harness, report, pending["draft_sha256"], "refuse")
    await harness.finished(report)


async def test_an_approval_notice_is_no_step_and_changes_no_status(harness: Harness) -> None:
    report, sha256 = await parked(harness, "not a step")
    await until(lambda: webhooks(harness, report))

    status = await harness.status(report)

    assert (status["status"], [step["name"] for step in status["steps"]]) == (
        "waiting_for_you",
        list(PIPELINE.steps),
    )
    assert [event.kind for event in await harness.progress.read(report) if event.step == NOTICE] == []
    await decide(harness, report, sha256, "refuse")
    await harness.finished(report)


@pytest.mark.parametrize(
    ("fault", "times", "end", "count"),
    # The model's answer is the first activity that completes.
    [("410", 1, "activityTaskCompletedEventAttributes", 2), ("500", 5, "activityTaskFailedEventAttributes", 1)],
)
async def test_a_failed_approval_notice_does_not_prevent_the_decision(
    harness: Harness,
    quick_retries: None,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    times: int,
    end: str,
    count: int,
) -> None:
    monkeypatch.setitem(harness.steps, NOTICE, replace(harness.steps[NOTICE], failures_allowed=5))
    harness.fault(f"Deaf with {fault}", fault=fault, kind="webhook", times=times)
    report, sha256 = await parked(harness, f"Deaf with {fault}")
    await ended(harness, report, end, count)

    assert (await harness.status(report))["status"] == "waiting_for_you"
    await decide(harness, report, sha256, "approve")

    assert (await harness.finished(report))["status"] == "done"
    assert types(harness, report) == ["report.done"]


async def test_a_decision_does_not_wait_for_a_running_notice_and_cancels_it(harness: Harness) -> None:
    harness.fault("Slow to hear", fault="slow", kind="webhook", latency_seconds=60)
    report, sha256 = await parked(harness, "Slow to hear")
    await in_flight(harness, report)

    answered = await decide(harness, report, sha256, "approve")

    assert answered.outcome == "approve"
    assert (await harness.finished(report))["status"] == "done"
    # The outcome is written shortly before the engine completes the workflow.
    await harness.environment.client.get_workflow_handle(report).result()
    # Nothing is left running: the engine has the notice's end, and it came before the report's own.
    history = [event async for event in harness.engine.history(report)]
    # A worker that is too busy for its heartbeats is timed out in the middle of the cancellation.
    ends = ("activityTaskCanceledEventAttributes", "activityTaskTimedOutEventAttributes")
    [stopped] = [number for number, event in enumerate(history) if any(end in event for end in ends)]
    [closed] = [number for number, event in enumerate(history) if "workflowExecutionCompletedEventAttributes" in event]
    assert stopped < closed
    assert types(harness, report) == ["report.done"]


@pytest.fixture
async def no_notification_workers(harness: Harness) -> AsyncIterator[None]:
    """Workers on every queue but that of notifications."""
    await harness.stop_workers()
    await harness.start_workers(queues=[queue for queue in queues.QUEUES if queue != queues.NOTIFICATIONS])
    yield
    await harness.stop_workers()
    await harness.start_workers()


async def test_a_notice_that_has_not_started_is_not_sent_after_the_decision(
    harness: Harness, no_notification_workers: None
) -> None:
    report, sha256 = await parked(harness, "Decided before anybody was told")
    await ended(harness, report, "activityTaskScheduledEventAttributes", 2)
    await decide(harness, report, sha256, "approve")
    await harness.until_step(report, "store_report_metadata", "done")

    await harness.start_workers(queues=[queues.NOTIFICATIONS])

    assert (await harness.finished(report))["status"] == "done"
    assert types(harness, report) == ["report.done"]


async def test_a_notice_attempt_after_the_decision_notifies_no_channel(harness: Harness) -> None:
    report, sha256 = await parked(harness, "Too late to tell")
    await until(lambda: webhooks(harness, report))
    expires_at = (await harness.status(report))["asks"]["expires_at"]
    await decide(harness, report, sha256, "refuse")
    await harness.finished(report)
    notice = ApprovalNotice(occasion=EventKind.APPROVAL_REMINDED, before="before_pdf", expires_at=expires_at)
    message = SendApprovalNotice(report_id=report, tenant="default", channels=("webhook",), notice=notice)

    assert (await harness.report.send_approval_notice(message)).told == ()
    assert types(harness, report) == ["report.approval_asked"]


async def test_cancelling_a_waiting_report_cancels_its_running_notice(harness: Harness) -> None:
    harness.fault("Cancelled while telling", fault="slow", kind="webhook", latency_seconds=60)
    report, _ = await parked(harness, "Cancelled while telling")
    await in_flight(harness, report)

    await harness.cancelling.cancel(report, LOCAL_CALLER)

    assert (await harness.finished(report))["status"] == "cancelled"
    assert len(await ended(harness, report, "activityTaskCanceledEventAttributes")) == 1
    assert types(harness, report) == []


async def test_a_waiting_report_lost_by_the_engine_keeps_its_reminder_and_expiry_times(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting(harness, monkeypatch, reminder_seconds=3_000, expiry_seconds=4_000)
    report, sha256 = await parked(harness, "Lost while parked")
    shown = (await harness.status(report))["asks"]
    await until(lambda: webhooks(harness, report))
    await harness.forget(report)
    waiting(harness, monkeypatch, reminder_seconds=30_000, expiry_seconds=40_000)

    await harness.begin_again(report)

    [timer, *_] = await ended(harness, report, "timerStartedEventAttributes")
    assert timedelta(seconds=float(timer["startToFireTimeout"].removesuffix("s"))) <= timedelta(seconds=3_000)
    await ended(harness, report, "activityTaskCompletedEventAttributes", 2)
    assert (await harness.status(report))["asks"] == shown
    assert types(harness, report) == ["report.approval_asked"]
    await decide(harness, report, sha256, "approve")
    assert (await harness.finished(report))["status"] == "done"
    assert await of_approval(harness, report) == ["approval_asked", "approval_given"]


async def test_a_waiting_report_lost_beyond_its_expiry_expires_when_it_is_restarted(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting(harness, monkeypatch, reminder_seconds=11, expiry_seconds=12)
    report, _ = await parked(harness, "Lost for too long")
    expires_at = datetime.fromisoformat((await harness.status(report))["asks"]["expires_at"])
    await harness.forget(report)
    waiting(harness, monkeypatch, reminder_seconds=30_000, expiry_seconds=40_000)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while datetime.now(UTC) < expires_at:
            await asyncio.sleep(0.05)

    await harness.begin_again(report)

    assert (await harness.finished(report))["error"]["code"] == "approval_expired"
    # As in a history of before that had begun to wait: without a timer it would not replay.
    await ended(harness, report, "timerStartedEventAttributes")
