import asyncio

import pytest

from durable_research.adapters.database.log.changes import PostgresChanges
from durable_research.adapters.database.log.drafts import PostgresDrafts
from durable_research.adapters.database.log.progress import PostgresProgressLog
from durable_research.adapters.database.rows.workflows import PostgresWorkflows
from durable_research.domain.documents.text import TextReference, WrittenText
from durable_research.domain.errors import CancelRequested, InvalidState, StaleAttempt
from durable_research.domain.ledger.usage import TokenUsage
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.approval import ApprovalAsked, ApprovalDecision, Verdict, decided_as
from durable_research.domain.workflows.events import (
    ApprovalOpened,
    AttemptCompleted,
    AttemptFailed,
    Closed,
    EventKind,
    OfWorker,
    Payload,
)
from durable_research.domain.workflows.progress import Attempt, EngineAttempt
from durable_research.domain.workflows.workflow import Status

ENGINE = EngineAttempt("run", 1)
FAILED = AttemptFailed(error={"code": "rate_limited", "detail": "busy"}, counted=True, final=False)


async def test_the_log_numbers_attempts_itself_without_a_gap(report: str, progress: PostgresProgressLog) -> None:
    first = await progress.begin_attempt(report, "llm_call", "worker-1@1", ENGINE)
    await progress.end_attempt(first, EventKind.ATTEMPT_FAILED, FAILED)

    second = await progress.begin_attempt(report, "llm_call", "worker-2@1", ENGINE)

    assert (first.number, second.number) == (1, 2)


async def test_a_killed_attempt_is_closed_as_lost_by_the_next_one(report: str, progress: PostgresProgressLog) -> None:
    await progress.begin_attempt(report, "llm_call", "worker-1@1", ENGINE)

    await progress.begin_attempt(report, "llm_call", "worker-2@1", ENGINE)

    lost = [event for event in await progress.read(report) if event.kind is EventKind.ATTEMPT_LOST]
    assert [(event.attempt, event.data["worker"]) for event in lost] == [(1, "worker-1@1")]


async def test_a_dead_worker_is_no_counted_failure(report: str, progress: PostgresProgressLog) -> None:
    for number in range(4):
        attempt = await progress.begin_attempt(report, "llm_call", f"worker-1@{number}", ENGINE)

    assert attempt.failures_before == 0


async def test_an_answered_failure_is_counted(report: str, progress: PostgresProgressLog) -> None:
    attempt = await progress.begin_attempt(report, "llm_call", "worker-1@1", ENGINE)
    await progress.end_attempt(attempt, EventKind.ATTEMPT_FAILED, FAILED)

    assert (await progress.begin_attempt(report, "llm_call", "worker-1@1", ENGINE)).failures_before == 1


async def test_a_paused_attempt_may_not_end_a_step_held_by_a_newer_attempt(
    report: str, progress: PostgresProgressLog
) -> None:
    paused = await progress.begin_attempt(report, "llm_call", "worker-1@1", ENGINE)
    await progress.begin_attempt(report, "llm_call", "worker-2@1", ENGINE)

    with pytest.raises(StaleAttempt):
        await progress.end_attempt(paused, EventKind.ATTEMPT_COMPLETED, AttemptCompleted())


async def test_an_attempt_with_an_older_engine_number_may_not_begin(report: str, progress: PostgresProgressLog) -> None:
    await progress.begin_attempt(report, "llm_call", "worker-2@1", EngineAttempt("run", 2))

    with pytest.raises(StaleAttempt):
        await progress.begin_attempt(report, "llm_call", "worker-1@1", EngineAttempt("run", 1))


async def test_a_reset_run_begins_again_and_attempt_numbers_continue(
    report: str, progress: PostgresProgressLog
) -> None:
    await progress.begin_attempt(report, "llm_call", "worker-2@1", EngineAttempt("run", 5))

    attempt = await progress.begin_attempt(report, "llm_call", "worker-1@1", EngineAttempt("run after reset", 1))

    assert attempt.number == 2


async def test_the_start_of_an_undo_closes_every_other_running_attempt_as_lost(
    report: str, progress: PostgresProgressLog
) -> None:
    frozen = await progress.begin_attempt(report, "store_post", "worker-1@1", ENGINE)

    undo = await progress.begin_attempt(report, "delete_post", "worker-2@1", ENGINE, undoes=True)

    kinds = [(event.step, event.kind) for event in await progress.read(report) if event.step]
    assert kinds[1:] == [("store_post", EventKind.ATTEMPT_LOST), ("delete_post", EventKind.ATTEMPT_STARTED)]
    with pytest.raises(StaleAttempt):
        await progress.end_attempt(frozen, EventKind.ATTEMPT_COMPLETED, AttemptCompleted())
    await progress.end_attempt(undo, EventKind.ATTEMPT_COMPLETED, AttemptCompleted())


async def test_no_step_begins_once_compensation_has_begun(report: str, progress: PostgresProgressLog) -> None:
    await progress.begin_attempt(report, "delete_post", "worker-2@1", ENGINE, undoes=True)

    with pytest.raises(InvalidState):
        await progress.begin_attempt(report, "store_post", "worker-1@1", ENGINE)
    await progress.begin_attempt(report, "delete_embedding", "worker-2@1", ENGINE, undoes=True)


async def test_a_new_run_after_a_loss_may_begin_steps_after_an_undo(report: str, progress: PostgresProgressLog) -> None:
    await progress.begin_attempt(report, "delete_post", "worker-2@1", ENGINE, undoes=True)

    again = await progress.begin_attempt(report, "store_post", "worker-2@1", EngineAttempt("after a loss", 1))

    assert again.number == 1


async def test_a_new_run_of_a_cancelled_workflow_repeats_done_steps_and_begins_no_new_one(
    report: str, progress: PostgresProgressLog, workflows: PostgresWorkflows
) -> None:
    done = await progress.begin_attempt(report, "llm_call", "worker-1@1", ENGINE)
    await progress.end_attempt(done, EventKind.ATTEMPT_COMPLETED, AttemptCompleted())
    await workflows.request_cancel(report)

    assert (
        await progress.begin_attempt(report, "llm_call", "worker-1@1", EngineAttempt("after a loss", 1))
    ).number == 2
    with pytest.raises(CancelRequested):
        await progress.begin_attempt(report, "create_pdf", "worker-1@1", EngineAttempt("after a loss", 1))


async def test_a_closed_log_accepts_no_further_event(report: str, progress: PostgresProgressLog) -> None:
    attempt = await progress.begin_attempt(report, "llm_call", "worker-1@1", ENGINE)
    await progress.close(report, Status.TERMINATED, Closed())
    before = await progress.read(report)

    await progress.note(attempt, EventKind.ATTEMPT_REATTACHED, OfWorker())
    await progress.end_attempt(attempt, EventKind.ATTEMPT_FAILED, FAILED)

    assert await progress.read(report) == before


async def test_the_status_changes_with_the_event_that_causes_it(
    report: str, progress: PostgresProgressLog, workflows: PostgresWorkflows
) -> None:
    attempt = await progress.begin_attempt(report, "llm_call", "worker-1@1", ENGINE)
    running = (await workflows.get(WorkflowRef(report, "default"))).status
    await progress.end_attempt(attempt, EventKind.ATTEMPT_FAILED, FAILED)
    retrying = (await workflows.get(WorkflowRef(report, "default"))).status
    await progress.close(report, Status.FAILED, Closed())
    failed = (await workflows.get(WorkflowRef(report, "default"))).status

    assert (running, retrying, failed) == (Status.RUNNING, Status.RETRYING, Status.FAILED)


async def test_a_second_end_is_not_written(report: str, progress: PostgresProgressLog) -> None:
    await progress.close(report, Status.DONE, Closed(pages=3))

    await progress.close(report, Status.FAILED, Closed())

    ends = [event.data["status"] for event in await progress.read(report) if event.kind is EventKind.CLOSED]
    assert ends == ["done"]


async def test_partly_done_may_change_to_done(
    report: str, progress: PostgresProgressLog, workflows: PostgresWorkflows
) -> None:
    await progress.close(report, Status.PARTLY_DONE, Closed())

    await progress.close(report, Status.DONE, Closed())

    assert (await workflows.get(WorkflowRef(report, "default"))).status is Status.DONE


async def test_no_step_begins_after_the_end(report: str, progress: PostgresProgressLog) -> None:
    await progress.close(report, Status.CANCELLED, Closed())

    with pytest.raises(InvalidState):
        await progress.begin_attempt(report, "create_pdf", "worker-1@1", ENGINE)


async def test_numbers_have_no_gap_when_many_write_at_once(report: str, progress: PostgresProgressLog) -> None:
    await asyncio.gather(
        *(progress.begin_attempt(report, f"step-{number}", "worker-1@1", ENGINE) for number in range(12))
    )

    assert [event.seq for event in await progress.read(report)] == list(range(1, 14))


async def test_a_waiting_reader_is_woken_by_a_write(
    report: str, progress: PostgresProgressLog, database_url: str
) -> None:
    changes = PostgresChanges(database_url)
    async with changes.watch(report) as changed:
        await changed(5)  # the first call signals that the reader listens
        await progress.begin_attempt(report, "llm_call", "worker-1@1", ENGINE)

        woken = await changed(5)
    await changes.close()

    assert woken


async def test_a_nul_character_is_removed_from_a_draft(report: str, drafts: PostgresDrafts) -> None:
    drafts.show(Attempt(report, "llm_call", 1, "worker-1@1"), "one\x00two")
    await drafts.close()

    draft = await drafts.read(report)
    assert draft is not None
    assert draft.text == "onetwo"


async def test_the_end_deletes_the_draft_and_no_later_draft_is_stored(
    report: str, progress: PostgresProgressLog, drafts: PostgresDrafts
) -> None:
    attempt = Attempt(report, "llm_call", 1, "worker-1@1")
    drafts.show(attempt, "one")
    await drafts.close()
    before = await drafts.read(report)
    await progress.close(report, Status.CANCELLED, Closed())
    after = await drafts.read(report)

    drafts.show(attempt, "one two")
    await drafts.close()

    assert before is not None
    assert (after, await drafts.read(report)) == (None, None)


async def test_a_completed_step_has_no_draft(
    report: str, progress: PostgresProgressLog, drafts: PostgresDrafts
) -> None:
    attempt = await progress.begin_attempt(report, "llm_call", "worker-1@1", ENGINE)
    drafts.show(attempt, "one")
    await drafts.close()

    await progress.end_attempt(attempt, EventKind.ATTEMPT_COMPLETED, AttemptCompleted())

    assert await drafts.read(report) is None


async def test_a_draft_is_replaced_by_the_next_attempt(report: str, drafts: PostgresDrafts) -> None:
    first, second = (Attempt(report, "llm_call", number, "worker-1@1") for number in (1, 2))
    drafts.show(first, "one two three")
    await drafts.close()

    drafts.show(second, "one")
    await drafts.close()

    draft = await drafts.read(report)
    assert draft is not None
    assert (draft.attempt, draft.text) == (2, "one")


def approval_request(expires_at: str) -> ApprovalOpened:
    """An approval request as the log stores it."""
    text = TextReference(key="default/report/a.md", sha256="a" * 64, size_bytes=1)
    draft = WrittenText(text=text, model="m", provider="p", is_demo=False, usage=TokenUsage())
    return ApprovalOpened.model_validate(
        {
            "before": "before_notify",
            "draft_sha256": "a" * 64,
            "verdicts": ["approve", "refuse"],
            "remind_at": "2026-11-22T09:00:00+00:00",
            "expires_at": expires_at,
            "texts": {"draft": draft},
        }
    )


async def test_a_repeated_approval_request_returns_the_first_one(report: str, progress: PostgresProgressLog) -> None:
    first = await progress.note_approval(
        report, EventKind.APPROVAL_ASKED, approval_request("2026-11-28T09:00:00+00:00")
    )

    again = await progress.note_approval(
        report, EventKind.APPROVAL_ASKED, approval_request("2027-01-01T00:00:00+00:00")
    )

    assert again == first == ApprovalAsked.model_validate(approval_request("2026-11-28T09:00:00+00:00").stored())
    assert [event.kind for event in await progress.read(report)].count(EventKind.APPROVAL_ASKED) == 1


async def test_an_approval_request_repeated_after_the_decision_returns_the_decision(
    report: str, progress: PostgresProgressLog
) -> None:
    decision = ApprovalDecision(decision_id="mine", decision=Verdict.APPROVE, draft_sha256="a" * 64)
    await progress.note_approval(report, EventKind.APPROVAL_ASKED, approval_request("2026-11-28T09:00:00+00:00"))
    await progress.note_approval(report, EventKind.APPROVAL_GIVEN, decided_as(decision))

    assert (
        await progress.note_approval(report, EventKind.APPROVAL_ASKED, approval_request("2027-01-01T00:00:00+00:00"))
        == decision
    )


BUSY = AttemptFailed(error={"code": "rate_limited", "detail": "busy"}, counted=False, final=False, wait_left_seconds=60)


async def test_a_wait_for_the_provider_is_measured_from_its_first_poll_across_worker_deaths(
    report: str, progress: PostgresProgressLog
) -> None:
    for number in (1, 2):
        attempt = await progress.begin_attempt(report, "llm_call", "worker-1@1", EngineAttempt("run", 2 * number))
        await progress.end_attempt(attempt, EventKind.ATTEMPT_FAILED, BUSY)
        await progress.begin_attempt(report, "llm_call", "dies@1", EngineAttempt("run", 2 * number + 1))
    first = next(event for event in await progress.read(report) if event.kind is EventKind.ATTEMPT_FAILED)

    waited = await progress.waited(report, "llm_call")

    latest = (await progress.read(report))[-1].at
    assert (waited.polls, waited.seconds >= (latest - first.at).total_seconds()) == (2, True)


async def test_an_attempt_carries_the_wait_of_its_step_until_the_provider_answers(
    report: str, progress: PostgresProgressLog
) -> None:
    first = await progress.begin_attempt(report, "llm_call", "worker-1@1", EngineAttempt("run", 1))
    await progress.end_attempt(first, EventKind.ATTEMPT_FAILED, BUSY)
    second = await progress.begin_attempt(report, "llm_call", "worker-1@1", EngineAttempt("run", 2))
    await progress.note(second, EventKind.PROVIDER_ANSWERED, Payload())

    third = await progress.begin_attempt(report, "llm_call", "worker-1@1", EngineAttempt("run", 3))

    assert [one.is_waiting for one in (first, second, third)] == [False, True, False]
    assert (await progress.waited(report, "llm_call")).polls == 0
