import asyncio
import secrets
from datetime import timedelta

import pytest

from durable_research.adapters.database.log.progress import PostgresProgressLog
from durable_research.adapters.database.rows.workflows import PostgresWorkflows
from durable_research.domain.errors import IdempotencyKeyReused, NotFound
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.events import AttemptCompleted, EventKind
from durable_research.domain.workflows.progress import EngineAttempt
from durable_research.domain.workflows.workflow import Status
from durable_research.ports.database.workflows import Page, WorkflowFilter
from tests.conftest import new_report


async def test_an_accepted_workflow_is_queued_and_its_log_begins(
    workflows: PostgresWorkflows, progress: PostgresProgressLog
) -> None:
    row, replayed = await workflows.accept(new_report())

    assert (row.status, replayed) == (Status.QUEUED, False)
    assert [event.kind for event in await progress.read(row.workflow_id)] == [EventKind.ACCEPTED]


async def test_fifty_starts_at_once_with_one_key_accept_one_workflow(workflows: PostgresWorkflows) -> None:
    key = secrets.token_hex(8)

    answers = await asyncio.gather(*(workflows.accept(new_report(key=key)) for _ in range(50)))

    assert len({row.workflow_id for row, _ in answers}) == 1
    assert sum(not replayed for _, replayed in answers) == 1


async def test_a_key_with_another_request_is_refused_and_changes_nothing(workflows: PostgresWorkflows) -> None:
    key = secrets.token_hex(8)
    await workflows.accept(new_report(key=key))
    other = new_report(key=key, fingerprint="another")

    with pytest.raises(IdempotencyKeyReused):
        await workflows.accept(other)

    with pytest.raises(NotFound):
        await workflows.get(WorkflowRef(other.workflow_id, "default"))


async def test_the_same_key_of_another_tenant_is_another_workflow(workflows: PostgresWorkflows) -> None:
    key = secrets.token_hex(8)
    of_own_tenant, _ = await workflows.accept(new_report(key=key))

    of_other_tenant, replayed = await workflows.accept(new_report("other", key=key))

    assert of_other_tenant.workflow_id != of_own_tenant.workflow_id
    assert not replayed


async def test_another_tenants_workflow_is_not_found(workflows: PostgresWorkflows) -> None:
    row, _ = await workflows.accept(new_report("other"))

    with pytest.raises(NotFound):
        await workflows.get(WorkflowRef(row.workflow_id, "default"))


async def test_a_list_is_newest_first_and_continues_where_it_stopped(workflows: PostgresWorkflows) -> None:
    tenant = secrets.token_hex(4)
    ids = [(await workflows.accept(new_report(tenant)))[0].workflow_id for _ in range(3)]

    first = await workflows.list(tenant, WorkflowFilter(limit=2))
    rest = await workflows.list(tenant, WorkflowFilter(before=(first[-1].created_at, first[-1].workflow_id)))

    assert [row.workflow_id for row in [*first, *rest]] == ids[::-1]


async def test_wildcard_characters_in_a_search_are_taken_literally(workflows: PostgresWorkflows) -> None:
    tenant = secrets.token_hex(4)
    await workflows.accept(new_report(tenant))

    assert not await workflows.list(tenant, WorkflowFilter(text="%"))
    assert await workflows.list(tenant, WorkflowFilter(text="TIDES?"))


async def test_an_accepted_workflow_that_was_not_started_is_listed_for_reconciliation(
    workflows: PostgresWorkflows,
) -> None:
    row, _ = await workflows.accept(new_report())
    everything = Page("", 1_000_000)

    waiting = {one.workflow_id for one in await workflows.unstarted(timedelta(0), everything)}
    await workflows.mark_started(row.workflow_id, 0)

    assert row.workflow_id in waiting
    assert row.workflow_id not in {one.workflow_id for one in await workflows.unstarted(timedelta(0), everything)}


async def test_a_page_continues_after_the_last_id_of_the_previous_page(workflows: PostgresWorkflows) -> None:
    ids = sorted([(await workflows.accept(new_report()))[0].workflow_id for _ in range(3)])

    page = await workflows.unstarted(timedelta(0), Page(ids[0], 1))

    assert [row.workflow_id for row in page] == [ids[1]]


async def test_an_undelivered_cancel_request_is_listed_for_reconciliation(workflows: PostgresWorkflows) -> None:
    waits, unheard = [(await workflows.accept(new_report()))[0].workflow_id for _ in range(2)]
    for workflow_id in (waits, unheard):
        await workflows.mark_started(workflow_id, 0)
    await workflows.request_cancel(unheard)
    everything = Page("", 1_000_000)

    found = {row.workflow_id for row in await workflows.undelivered_cancels(timedelta(0), everything)}
    unended = {row.workflow_id for row in await workflows.unended(timedelta(0), everything)}

    assert found & {waits, unheard} == {unheard}
    assert unended >= {waits, unheard}


async def test_a_repeated_cancel_request_is_noted_once(
    workflows: PostgresWorkflows, progress: PostgresProgressLog
) -> None:
    row, _ = await workflows.accept(new_report())

    await workflows.request_cancel(row.workflow_id)
    await workflows.request_cancel(row.workflow_id)

    assert (await workflows.get(WorkflowRef(row.workflow_id, "default"))).cancel_requested
    kinds = [event.kind for event in await progress.read(row.workflow_id)]
    assert kinds == [EventKind.ACCEPTED, EventKind.CANCEL_REQUESTED]


async def test_a_row_is_read_together_with_its_log(
    workflows: PostgresWorkflows, progress: PostgresProgressLog, report: str
) -> None:
    attempt = await progress.begin_attempt(report, "llm_call", "worker-1@1", EngineAttempt("run", 1))
    await progress.end_attempt(attempt, EventKind.ATTEMPT_COMPLETED, AttemptCompleted(tokens=3))

    found = await workflows.get_with_log(WorkflowRef(report, "default"))

    assert found == (await workflows.get(WorkflowRef(report, "default")), await progress.read(report))
    assert found[0].input == {"prompt": "tides?"}
    with pytest.raises(NotFound):
        await workflows.get_with_log(WorkflowRef(report, "another tenant"))
