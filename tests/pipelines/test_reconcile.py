"""One pass repairs what a crash or an operator left open."""

import secrets
from datetime import UTC, datetime, timedelta

import pytest

from durable_research import policies
from durable_research.domain.ledger.effects import Charges, Effect, EffectKind, ProviderClass, SendState
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.workflow import Kind, new_workflow_id
from durable_research.pipelines.reconcile import pipeline
from durable_research.pipelines.reconcile.passes.rows import Walk
from durable_research.ports.database.workflows import NewWorkflow, Page, WorkflowRow
from durable_research.ports.vendors.models import ModelCall
from durable_research.telemetry.metrics import EFFECTS
from tests.measured import Increase
from tests.pipelines.conftest import Harness


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing needs to be old to be put right."""
    monkeypatch.setattr(pipeline, "DELIVERY_OVERDUE_AFTER", timedelta(0))
    monkeypatch.setattr(pipeline, "LOOK_UP_SILENT_AFTER", timedelta(0))


async def accepted(harness: Harness, prompt: str) -> str:
    """A report that was accepted by an API that died before it started the workflow."""
    workflow_id = new_workflow_id(Kind.REPORT, int(datetime.now(UTC).timestamp() * 1000), secrets.token_bytes(10))
    await harness.workflows.accept(NewWorkflow(workflow_id, Kind.REPORT, "default", prompt, {"prompt": prompt}))
    return workflow_id


async def test_an_accepted_workflow_that_was_not_started_is_started(harness: Harness) -> None:
    report = await accepted(harness, "accepted by a dead API")

    await harness.reconcile.reconcile()

    assert (await harness.finished(report))["status"] == "done"


async def test_a_workflow_terminated_by_an_operator_is_closed(harness: Harness) -> None:
    harness.renderer.fail("terminated by an operator", "hang")
    report = await harness.submit("terminated by an operator")
    await harness.until_step(report, "create_pdf", "running")
    await harness.environment.client.get_workflow_handle(report).terminate("by hand")

    await harness.reconcile.reconcile()

    status = await harness.status(report)
    assert (status["status"], status["error"]["code"]) == ("terminated", "engine_terminated")


async def test_a_workflow_lost_by_the_engine_is_started_again(harness: Harness) -> None:
    report = await accepted(harness, "lost by the engine")
    await harness.workflows.mark_started(report, 0)

    await harness.reconcile.reconcile()

    assert (await harness.finished(report))["status"] == "done"


async def test_an_undelivered_cancel_request_is_delivered(harness: Harness) -> None:
    harness.renderer.fail("cancel that was not heard", "hang")
    report = await harness.submit("cancel that was not heard")
    await harness.until_step(report, "create_pdf", "running")
    await harness.workflows.request_cancel(report)

    await harness.reconcile.reconcile()

    assert (await harness.finished(report))["status"] == "cancelled"


async def test_an_unresolved_send_found_at_the_provider_is_counted_by_the_next_pass(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "LOOK_UP_UNRESOLVED_AFTER", timedelta(0))
    report = await harness.submit("a stray call")
    await harness.finished(report)
    effect = Effect(
        WorkflowRef(report, "default"),
        "llm_call",
        EffectKind.MODEL_CALL,
        "simulator",
        ProviderClass.LOCKED,
        {},
        ordinal="stray",
    )
    call = harness.writer.model.prepare(ModelCall("Write.", "a stray call", "simulator-research"), lambda text: None)
    handle = await call.handle(effect.key)
    await harness.ledger.claim(effect, 1)
    await harness.ledger.open_send(effect, 1, handle, earlier=None)
    await harness.ledger.close_send(effect.key, None, 1, SendState.ABSENT)
    await call.collect(await call.send(effect.key, handle))

    increase = Increase(harness.meter)

    reconciled = await harness.reconcile.reconcile()

    assert reconciled.strays >= 1
    assert await harness.ledger.charges(report) == Charges(settled=2, possible_extra=0)
    assert increase.of(EFFECTS, kind="model_call", outcome="late_duplicate") >= 1


async def test_each_pass_continues_behind_the_page_of_the_pass_before(
    monkeypatch: pytest.MonkeyPatch, harness: Harness
) -> None:
    monkeypatch.setattr(pipeline, "ROWS_A_PASS", 2)
    ids = sorted([await accepted(harness, "one of many") for _ in range(3)])
    rows = [await harness.workflows.get(WorkflowRef(one, "default")) for one in ids]

    async def find(page: Page) -> list[WorkflowRow]:
        return [row for row in rows if row.workflow_id > page.after][: page.limit]

    walk = Walk()
    passes = [[rows.index(row) for row in await walk.next(find)] for _ in range(3)]

    assert passes == [[0, 1], [2], [0, 1]]
