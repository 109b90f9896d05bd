"""A report from request to end, as users see it."""

from dataclasses import replace

import httpx
import pytest

from durable_research import policies
from durable_research.domain.caller import LOCAL_CALLER
from durable_research.domain.documents.object_keys import page_key
from durable_research.domain.errors import InfrastructureDown, RendererCrashed
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.events import Closed
from durable_research.domain.workflows.workflow import Status
from tests.installation import PATIENCE_SECONDS
from tests.pipelines.conftest import Harness


async def test_a_question_becomes_a_report_in_four_steps(harness: Harness) -> None:
    report = await harness.submit("Four steps, please")

    status = await harness.finished(report)

    assert status["status"] == "done"
    assert [(step["name"], step["state"], step["attempt"]) for step in status["steps"]] == [
        ("llm_call", "done", 1),
        ("create_pdf", "done", 1),
        ("store_report_metadata", "done", 1),
        ("send_notification", "done", 1),
    ]
    assert status["charges"] == {"settled": 1, "possible_extra": 0}
    assert len(harness.servers.billing_log("Four steps")) == 1


async def test_the_result_holds_ids_and_no_text(harness: Harness) -> None:
    report = await harness.submit("A result of ids")
    await harness.finished(report)

    result = await harness.result(report)

    assert result["report_id"] == report
    assert result["notified"] == ["log", "webhook"]


async def test_the_html_page_is_stored_with_the_pdf(harness: Harness) -> None:
    report = await harness.submit("A page beside the PDF")
    await harness.finished(report)

    row = await harness.reports.get(WorkflowRef(report, "default"))

    page = (await harness.objects.get(page_key(row.pdf.key))).decode()
    assert page.startswith("<article lang=")
    assert "Provenance" in page


@pytest.mark.parametrize(
    ("answer", "more", "title"),
    [
        ("Certainly!\n\n# Tides of the north\n\nThey rise.", {}, "Tides of the north"),
        ("## Only level two\n\nwords", {}, "Only level two"),
        ("words alone", {}, "What is"),
        ("# Tides\n\nwords", {"title": "বাংলা"}, "বাংলা"),
    ],
    ids=["preamble", "level two", "question", "requested"],
)
async def test_the_title_is_the_same_everywhere(
    harness: Harness, answer: str, more: dict[str, str], title: str
) -> None:
    report = await harness.submit(f"What is\nthis?\nECHO: {answer}", **more)
    await harness.finished(report)

    row = await harness.reports.get(WorkflowRef(report, "default"))
    listed = await harness.workflows.get(WorkflowRef(report, "default"))
    result = await harness.result(report)

    assert {row.title, listed.title, result["title"], harness.renderer.rendered[-1].title} == {title}


async def test_neither_question_nor_answer_is_in_the_event_history(harness: Harness) -> None:
    report = await harness.submit("canary-7c1f in the question")
    await harness.finished(report)

    history = str(await harness.reading.history(report, LOCAL_CALLER))

    assert "canary-7c1f" not in history


async def test_a_providers_error_text_is_not_in_the_event_history(harness: Harness) -> None:
    harness.fault("canary-91d2 is refused", fault="401")
    report = await harness.submit("canary-91d2 is refused")
    await harness.finished(report)

    history = str(await harness.reading.history(report, LOCAL_CALLER))

    assert "model_refused" in history
    assert "Incorrect API key" not in history


async def test_a_429_waits_for_its_retry_after_and_is_billed_once(harness: Harness, quick_retries: None) -> None:
    harness.fault("busy twice", fault="429", times=2, retry_after=0)
    report = await harness.submit("busy twice")

    status = await harness.finished(report)

    assert status["status"] == "done"
    assert harness.step(status, "llm_call")["attempt"] == 3
    assert len(harness.servers.billing_log("busy twice")) == 1


async def test_the_third_counted_failure_is_final(harness: Harness, quick_retries: None) -> None:
    harness.fault("always failing", fault="failed", times=9)
    report = await harness.submit("always failing")

    status = await harness.finished(report)

    assert (status["status"], status["error"]["code"]) == ("failed", "generation_failed")
    failures = [kind for kind in await harness.kinds(report, "llm_call") if kind == "attempt_failed"]
    assert len(failures) == 3


async def test_a_refused_api_key_fails_at_once(harness: Harness) -> None:
    harness.fault("bad key", fault="401", times=9)
    report = await harness.submit("bad key")

    status = await harness.finished(report)

    assert (status["status"], status["error"]["code"]) == ("failed", "model_refused")
    assert harness.step(status, "llm_call")["attempt"] == 1


async def test_an_answer_without_a_received_id_is_found_and_not_paid_again(
    harness: Harness, quick_retries: None
) -> None:
    harness.fault("billed and lost", fault="billed_500")
    report = await harness.submit("billed and lost")

    status = await harness.finished(report)

    assert status["status"] == "done"
    assert status["charges"] == {"settled": 1, "possible_extra": 0}
    assert len(harness.servers.billing_log("billed and lost")) == 1


async def test_without_a_lookup_a_lost_answer_is_paid_again_once_and_counted(
    harness_without_lookup: Harness, quick_retries: None
) -> None:
    harness_without_lookup.fault("plainly lost", fault="billed_500")
    report = await harness_without_lookup.submit("plainly lost")

    status = await harness_without_lookup.finished(report)

    assert status["status"] == "done"
    assert status["charges"] == {"settled": 1, "possible_extra": 1}
    assert len(harness_without_lookup.servers.billing_log("plainly lost")) == 2


async def test_a_second_silent_call_fails_the_report_without_a_third(
    harness_without_lookup: Harness, quick_retries: None
) -> None:
    harness_without_lookup.fault("silent and silent again", fault="cut", times=9)
    report = await harness_without_lookup.submit("silent and silent again")

    status = await harness_without_lookup.finished(report)

    assert (status["status"], status["error"]["code"]) == ("failed", "unconfirmed_effect")
    assert len(harness_without_lookup.servers.billing_log("silent and silent again")) == 2


async def test_server_errors_have_their_own_cap_and_are_counted(
    harness_without_lookup: Harness, quick_retries: None
) -> None:
    harness_without_lookup.fault("billed and failed again", fault="billed_500", times=99)
    report = await harness_without_lookup.submit("billed and failed again")

    status = await harness_without_lookup.finished(report)

    assert (status["status"], status["error"]["code"]) == ("failed", "unconfirmed_effect")
    assert "HTTP 500" in status["error"]["detail"]
    assert status["charges"] == {"settled": 0, "possible_extra": 7}
    assert len(harness_without_lookup.servers.billing_log("billed and failed again")) == 7


async def test_a_truncated_answer_is_continued_in_separate_calls(harness: Harness) -> None:
    harness.fault("cut twice", fault="truncated", times=2)
    report = await harness.submit("cut twice")

    status = await harness.finished(report)

    assert status["status"] == "done"
    assert status["charges"] == {"settled": 3, "possible_extra": 0}
    assert len({line["key"] for line in harness.servers.billing_log("cut twice")}) == 3
    whole = await harness.submit("cut twice")
    await harness.finished(whole)
    assert await harness.text(report) == await harness.text(whole)


async def test_an_answer_that_stays_truncated_fails_with_model_truncated(harness: Harness) -> None:
    harness.fault("cut for ever", fault="truncated", times=99)
    report = await harness.submit("cut for ever")

    status = await harness.finished(report)

    assert (status["status"], status["error"]["code"]) == ("failed", "model_truncated")
    assert len(harness.servers.billing_log("cut for ever")) == 4


async def test_a_renderer_crash_is_retried(harness: Harness, quick_retries: None) -> None:
    harness.renderer.fail("renderer crashes once", RendererCrashed("died"))
    report = await harness.submit("renderer crashes once")

    status = await harness.finished(report)

    assert status["status"] == "done"
    assert len(harness.servers.billing_log("renderer crashes once")) == 1


async def test_a_hanging_step_times_out_despite_heartbeats(
    harness: Harness, quick_retries: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = replace(harness.steps["create_pdf"], try_seconds=0.3)
    monkeypatch.setitem(harness.steps, "create_pdf", quick)
    harness.renderer.fail("renderer hangs", "hang", "hang")
    report = await harness.submit("renderer hangs")

    status = await harness.finished(report)

    assert (status["status"], status["error"]["code"]) == ("failed", "step_timed_out")


async def test_an_infrastructure_outage_uses_up_no_cap(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "INFRASTRUCTURE_WAIT", policies.INFRASTRUCTURE_WAIT / 20)
    harness.renderer.fail("an outage of ours", *[InfrastructureDown("the object store does not answer")] * 5)
    report = await harness.submit("an outage of ours")

    status = await harness.finished(report)

    assert status["status"] == "done"
    assert harness.step(status, "create_pdf")["attempt"] == 6


async def test_reconciliation_stores_the_metadata_of_a_partly_done_report(
    harness: Harness, quick_retries: None
) -> None:
    harness.reports.broken = True
    report = await harness.submit("stored later")
    partly = await harness.finished(report)
    harness.reports.broken = False

    await harness.reconcile.reconcile()

    assert partly["status"] == "partly_done"
    assert (await harness.status(report))["status"] == "done"
    assert (await harness.reports.get(WorkflowRef(report, "default"))).prompt == "stored later"


async def test_a_refused_notification_does_not_fail_the_report(harness: Harness) -> None:
    harness.fault("efused-receiver", fault="410", kind="webhook")
    report = await harness.submit("refused-receiver")

    assert (await harness.finished(report))["status"] == "done"
    result = await harness.result(report)
    assert (result["notified"], result["not_notified"]) == (["log"], ["webhook"])


async def test_cancelling_in_the_model_call_stops_the_call_at_the_provider(harness: Harness) -> None:
    harness.fault("cancel in the call", latency_seconds=60)
    report = await harness.submit("cancel in the call")
    await harness.until_step(report, "llm_call", "running")
    await harness.until(report, "running")
    reference = await _reference(harness, report)

    await harness.cancelling.cancel(report, LOCAL_CALLER)
    status = await harness.finished(report)

    assert status["status"] == "cancelled"
    provider = httpx.get(f"{harness.servers.up['simulator']}/v1/responses/{reference}", timeout=30).json()
    assert provider["status"] == "cancelled"
    assert await harness.kinds(report, "create_pdf") == []


async def _reference(harness: Harness, report: str) -> str:
    import asyncio

    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (found := await harness.ledger.running_calls(report)):
            await asyncio.sleep(0.05)
    return found[0][1]


async def test_cancelling_between_attempts_stops_the_call_at_the_provider(
    harness: Harness, quick_retries: None
) -> None:
    """The worker stopped during the call and the step waits for its retry: no attempt holds the call."""
    harness.fault("cancel between attempts", latency_seconds=60)
    report = await harness.submit("cancel between attempts")
    reference = await _reference(harness, report)
    await harness.stop_workers()

    await harness.cancelling.cancel(report, LOCAL_CALLER)
    await harness.start_workers("tester@3")
    status = await harness.finished(report)

    assert status["status"] == "cancelled"
    provider = httpx.get(f"{harness.servers.up['simulator']}/v1/responses/{reference}", timeout=30).json()
    assert provider["status"] == "cancelled"
    assert status["charges"] == {"settled": 1, "possible_extra": 0}


async def test_cancelling_while_a_step_runs_ends_the_report_as_cancelled(harness: Harness) -> None:
    harness.renderer.fail("cancel in create_pdf", "hang")
    report = await harness.submit("cancel in create_pdf")
    await harness.until_step(report, "create_pdf", "running")

    await harness.cancelling.cancel(report, LOCAL_CALLER)

    assert (await harness.finished(report))["status"] == "cancelled"
    assert await harness.kinds(report, "create_pdf") == ["attempt_started", "attempt_cancelled"]


async def test_cancelling_while_a_retry_waits_ends_the_report_as_cancelled(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = replace(harness.steps["create_pdf"], first_wait=60, longest_wait=60)
    monkeypatch.setitem(harness.steps, "create_pdf", slow)
    harness.renderer.fail("cancel in the wait", RendererCrashed("died"))
    report = await harness.submit("cancel in the wait")
    await harness.until(report, "retrying")

    await harness.cancelling.cancel(report, LOCAL_CALLER)

    assert (await harness.finished(report))["status"] == "cancelled"


async def test_a_call_handed_back_by_a_drained_worker_is_not_paid_again(harness: Harness) -> None:
    harness.fault("handed back", latency_seconds=6)
    report = await harness.submit("handed back")
    await _reference(harness, report)

    await harness.stop_workers()
    await harness.start_workers("tester@2")
    status = await harness.finished(report)

    assert status["charges"] == {"settled": 1, "possible_extra": 0}
    assert len(harness.servers.billing_log("handed back")) == 1
    kinds = await harness.kinds(report, "llm_call")
    assert kinds == [
        "attempt_started",
        "attempt_handed_back",
        "attempt_started",
        "attempt_reattached",
        "attempt_completed",
    ]


async def test_the_progress_query_names_the_current_step(harness: Harness) -> None:
    harness.renderer.fail("a query", "hang")
    report = await harness.submit("a query")
    await harness.until_step(report, "create_pdf", "running")

    stage = await harness.environment.client.get_workflow_handle(report).query("progress")
    await harness.cancelling.cancel(report, LOCAL_CALLER)
    await harness.finished(report)

    assert stage == "create_pdf"


async def test_an_outcome_that_cannot_be_written_during_an_outage_is_written_later(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, outages = harness.progress.close, [InfrastructureDown("the database does not answer")] * 4

    async def away(workflow_id: str, status: Status, closed: Closed, *more: int, **also: bool) -> bool:
        if outages:
            raise outages.pop()
        return await original(workflow_id, status, closed, *more, **also)

    monkeypatch.setattr(harness.progress, "close", away)
    report = await harness.submit("an end in an outage")

    status = await harness.finished(report)

    assert (status["status"], outages) == ("done", [])
