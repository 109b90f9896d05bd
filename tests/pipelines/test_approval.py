"""A report with approval waits for the decision until its expiry, whatever process dies meanwhile."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from durable_research import policies
from durable_research.domain.caller import LOCAL_CALLER
from durable_research.domain.errors import AlreadyDecided, InvalidInput, InvalidState, ResearchError
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.approval import ApprovalDecision, ApprovalWaits, Verdict
from durable_research.domain.workflows.events import ApprovalOpened, EventKind
from durable_research.failpoints.reach import FAILPOINTS_VARIABLE
from tests.installation import PATIENCE_SECONDS
from tests.pipelines.conftest import Harness
from tests.pipelines.leftovers import NOTHING, left
from tests.pipelines.test_blog_post import until_held

EDITED = ("Edited", "by a person, after the model had written it")


async def parked(harness: Harness, prompt: str, before: str = "before_pdf") -> tuple[str, str]:
    """A report that waits for approval, and the hash of its draft."""
    report = await harness.submit(prompt, approval=before)
    status = await harness.until(report, "waiting_for_you")
    return report, status["asks"]["draft_sha256"]


async def decide(
    harness: Harness, report: str, sha256: str, decision: str, decision_id: str = "mine", **more: Any
) -> Any:
    body = {"decision": decision, "draft_sha256": sha256, "decision_id": decision_id, **more}
    return await harness.approving.decide(report, LOCAL_CALLER, body)


async def of_approval(harness: Harness, report: str) -> list[str]:
    return [event.kind for event in await harness.progress.read(report) if event.kind.startswith("approval_")]


def waiting(harness: Harness, monkeypatch: pytest.MonkeyPatch, **seconds: float) -> None:
    waits = ApprovalWaits(**seconds)
    monkeypatch.setattr(harness.starting, "receivers", replace(harness.starting.receivers, approval_waits=waits))


async def test_a_report_without_approval_does_not_wait_for_a_decision(harness: Harness) -> None:
    report = await harness.submit("nobody is asked", approval="none")

    assert (await harness.finished(report))["status"] == "done"
    assert await of_approval(harness, report) == []


async def test_a_draft_waits_for_approval_and_can_be_read(harness: Harness) -> None:
    report, sha256 = await parked(harness, "a draft to look at")

    status = await harness.status(report)

    assert status["asks"]["decisions"] == ["approve", "edit", "refuse"]
    assert "approve it to have it typeset" in status["waits_for"]["what"]
    assert harness.step(status, "create_pdf")["state"] == "pending"
    assert "a draft to look at" in await harness.approving.draft(report, LOCAL_CALLER)
    await decide(harness, report, sha256, "refuse")
    await harness.finished(report)


async def test_an_approved_draft_becomes_the_report(harness: Harness) -> None:
    report, sha256 = await parked(harness, "approved in time")

    answered = await decide(harness, report, sha256, "approve")

    assert (answered.outcome, answered.decision_id) == ("approve", "mine")
    assert (await harness.finished(report))["status"] == "done"
    assert await of_approval(harness, report) == ["approval_asked", "approval_given"]
    assert len(harness.servers.billing_log("approved in time")) == 1


async def test_a_repeated_decision_has_the_same_outcome_even_after_the_end(harness: Harness) -> None:
    report, sha256 = await parked(harness, "said twice")

    first = await decide(harness, report, sha256, "approve")
    await harness.finished(report)
    again = await decide(harness, report, sha256, "approve")

    assert again.outcome == first.outcome == "approve"
    with pytest.raises(AlreadyDecided, match="approved by decision 'mine'"):
        await decide(harness, report, sha256, "refuse", "another")


async def test_of_two_concurrent_decisions_one_wins_and_the_other_is_refused(harness: Harness) -> None:
    report, sha256 = await parked(harness, "two at once")

    answers = await asyncio.gather(
        decide(harness, report, sha256, "approve", "one"),
        decide(harness, report, sha256, "refuse", "two"),
        return_exceptions=True,
    )

    lost = [answer for answer in answers if isinstance(answer, AlreadyDecided)]
    [won] = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert [won.decision_id in str(error) for error in lost] == [True]
    expected = {"approve": "done", "refuse": "cancelled"}[won.outcome]
    assert (await harness.finished(report))["status"] == expected


async def test_a_refused_draft_ends_the_report_as_cancelled_and_says_why(harness: Harness) -> None:
    report, sha256 = await parked(harness, "not good enough")

    await decide(harness, report, sha256, "refuse")
    status = await harness.finished(report)

    assert (status["status"], status["error"]["code"]) == ("cancelled", "approval_refused")
    assert harness.step(status, "create_pdf")["state"] == "pending"


async def test_an_edited_draft_is_typeset_and_marked_as_edited(harness: Harness) -> None:
    report, sha256 = await parked(harness, "to be edited")

    await decide(harness, report, sha256, "edit", text="# Better\n\nWords of a person.\n")
    await harness.finished(report)

    row = await harness.reports.get(WorkflowRef(report, "default"))
    assert (row.title, await harness.text(report)) == ("Better", "# Better\n\nWords of a person.\n")
    assert EDITED in harness.renderer.rendered[-1].facts
    assert "Words of a person" in (await harness.objects.get(row.pdf.key)).decode()


async def test_a_draft_refused_before_the_notification_leaves_nothing_stored(harness: Harness) -> None:
    report, sha256 = await parked(harness, "told only if you like it", "before_notify")

    status = await harness.status(report)
    assert harness.step(status, "create_pdf")["state"] == "done"
    assert harness.step(status, "store_report_metadata")["state"] == "pending", "it is not in the library yet"
    assert b"told only if you like it" in await harness.approving.draft_pdf(report, LOCAL_CALLER)
    with pytest.raises(InvalidInput):
        await decide(harness, report, sha256, "edit", text="too late")
    await decide(harness, report, sha256, "refuse")

    assert (await harness.finished(report))["status"] == "cancelled"
    assert await left(harness, report) == NOTHING
    assert [line for line in harness.servers.billing_log(report, kind="webhook") if "report.done" in line["text"]] == []


async def test_an_expired_draft_keeps_its_text_and_can_be_resumed(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting(harness, monkeypatch, reminder_seconds=0.2, expiry_seconds=0.6)
    report = await harness.submit("nobody looked in time", approval="before_notify")
    assert (await harness.finished(report))["status"] == "failed"
    waiting(harness, monkeypatch, reminder_seconds=600, expiry_seconds=900)

    assert "nobody looked in time" in (await harness.paid.read(report, LOCAL_CALLER)).text
    await harness.resuming.resume(report, LOCAL_CALLER, {})
    pending = (await harness.until(report, "waiting_for_you"))["asks"]
    await decide(harness, report, pending["draft_sha256"], "approve")

    assert (await harness.finished(report))["status"] == "done"


async def test_an_opposite_decision_with_the_same_id_is_refused(harness: Harness) -> None:
    report, sha256 = await parked(harness, "first this, then that")
    await decide(harness, report, sha256, "approve", "one-id")

    with pytest.raises(AlreadyDecided):
        await decide(harness, report, sha256, "refuse", "one-id")

    assert (await decide(harness, report, sha256, "approve", "one-id")).outcome is Verdict.APPROVE
    assert (await harness.finished(report))["status"] == "done"


@pytest.mark.parametrize(
    "body",
    [
        {"decision": "maybe"},
        {"decision": "expire"},
        {"decision": "edit"},
        {"decision": "approve", "text": "not asked for"},
        {"decision": "edit", "text": " \n"},
    ],
    ids=str,
)
async def test_a_malformed_decision_is_refused(harness: Harness, body: dict[str, str]) -> None:
    report = await harness.submit("never approved by this")
    await harness.finished(report)

    with pytest.raises(InvalidInput):
        await harness.approving.decide(report, LOCAL_CALLER, {"draft_sha256": "0" * 64, **body})


async def test_a_decision_with_the_hash_of_another_draft_is_refused(harness: Harness) -> None:
    report, sha256 = await parked(harness, "look again")

    with pytest.raises(InvalidState):
        await decide(harness, report, "0" * 64, "approve")
    # The workflow checks decisions that reach it without the API in the same way.
    wrong = ApprovalDecision(decision_id="by hand", decision=Verdict.APPROVE, draft_sha256="0" * 64)
    with pytest.raises(ResearchError, match="not the draft"):
        await harness.engine.approve(report, wrong)
    await harness.engine.approve_unanswered(report, wrong)

    await decide(harness, report, sha256, "refuse")
    assert (await harness.finished(report))["status"] == "cancelled"


async def test_a_report_that_does_not_wait_cannot_be_approved(harness: Harness) -> None:
    report = await harness.submit("nothing to approve")
    await harness.finished(report)

    with pytest.raises(InvalidState):
        await decide(harness, report, "0" * 64, "approve")
    with pytest.raises(InvalidState):
        await harness.approving.draft(report, LOCAL_CALLER)


async def test_a_report_that_waits_for_approval_can_be_cancelled(harness: Harness) -> None:
    report, _ = await parked(harness, "cancelled while parked")

    await harness.cancelling.cancel(report, LOCAL_CALLER)
    status = await harness.finished(report)

    assert (status["status"], status["asks"]) == ("cancelled", None)


async def test_a_cancellation_hidden_by_a_steps_end_prevents_the_approval_request(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # No heartbeat: the attempt never receives the cancellation, and completes a second later.
    monkeypatch.setattr(policies, "HEARTBEAT_EVERY", timedelta(minutes=10))
    monkeypatch.setenv("DURABLE_RESEARCH_DATA", str(tmp_path))
    monkeypatch.setenv(FAILPOINTS_VARIABLE, "llm_call.settled=pause@1:1")
    report = await harness.submit("cancelled unheard", approval="before_pdf")
    await until_held(tmp_path)

    await harness.cancelling.cancel(report, LOCAL_CALLER)

    assert (await harness.finished(report))["status"] == "cancelled"
    assert await of_approval(harness, report) == []


async def test_a_decision_made_while_no_worker_runs_is_delivered_later(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "ENGINE_UPDATE", timedelta(seconds=2))
    report, sha256 = await parked(harness, "nobody at home")
    await harness.stop_workers()

    try:
        answered = await decide(harness, report, sha256, "approve")
    finally:
        await harness.start_workers()

    assert answered.outcome is None
    assert (await harness.finished(report))["status"] == "done"
    # The engine may hold the unanswered update too, but only in memory; the signal is in the history.
    history = [event async for event in harness.engine.history(report)]
    assert sum("workflowExecutionSignaledEventAttributes" in event for event in history) == 1
    assert await of_approval(harness, report) == ["approval_asked", "approval_given"]


async def test_a_waiting_approval_is_reminded_once(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting(harness, monkeypatch, reminder_seconds=0.5, expiry_seconds=600)
    report, sha256 = await parked(harness, "reminded")

    async with asyncio.timeout(PATIENCE_SECONDS):
        while EventKind.APPROVAL_REMINDED not in await of_approval(harness, report):
            await asyncio.sleep(0.05)
    assert (await harness.status(report))["status"] == "waiting_for_you"
    await decide(harness, report, sha256, "approve")

    assert (await harness.finished(report))["status"] == "done"
    assert await of_approval(harness, report) == ["approval_asked", "approval_reminded", "approval_given"]


async def test_an_unapproved_draft_expires(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting(harness, monkeypatch, reminder_seconds=0.2, expiry_seconds=0.6)
    report = await harness.submit("forgotten", approval="before_pdf")

    status = await harness.finished(report)

    assert (status["status"], status["error"]["code"]) == ("failed", "approval_expired")
    assert await of_approval(harness, report) == ["approval_asked", "approval_reminded", "approval_expired"]
    with pytest.raises(AlreadyDecided):
        await decide(harness, report, "0" * 64, "approve")


async def test_a_decided_approval_is_not_requested_again_after_the_engine_lost_the_run(harness: Harness) -> None:
    report, sha256 = await parked(harness, "asked once for ever")
    await harness.engine.approve_unanswered(
        report,
        ApprovalDecision(decision_id="before", decision=Verdict.APPROVE, draft_sha256=sha256),
    )
    await harness.finished(report)

    standing = await harness.progress.note_approval(report, EventKind.APPROVAL_ASKED, ApprovalOpened())

    assert isinstance(standing, ApprovalDecision)
    assert (standing.decision_id, standing.decision) == ("before", "approve")
