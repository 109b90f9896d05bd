"""A report that failed, or was terminated, resumes at the failed step; paid calls are not paid again."""

import asyncio
from typing import Any

import pytest

from durable_research.domain.caller import LOCAL_CALLER
from durable_research.domain.errors import DocumentError, IdempotencyKeyReused, InvalidState
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.events import EventKind
from durable_research.operations.reading.recoverable import Price
from durable_research.pipelines.reconcile.passes.close_ended import CloseEnded
from tests.installation import PATIENCE_SECONDS
from tests.pipelines.conftest import Harness


async def failed_in_typesetting(harness: Harness, about: str) -> str:
    """A report whose text is paid for, and whose PDF could not be made."""
    report = await harness.submit(about, title=about)
    harness.renderer.fail(about, DocumentError("no way"))
    assert (await harness.finished(report))["status"] == "failed"
    return report


async def resume(harness: Harness, report: str, key: str | None = None, **body: Any) -> dict[str, Any]:
    await harness.resuming.resume(report, LOCAL_CALLER, body, key)
    return await harness.finished(report)


async def closings(harness: Harness, report: str) -> list[tuple[int, str]]:
    events = await harness.progress.read(report)
    return [(event.attempt, event.data["status"]) for event in events if event.kind is EventKind.CLOSED]


@pytest.mark.usefixtures("quick_retries")
async def test_a_resumed_report_finishes_without_another_charge(harness: Harness) -> None:
    report = await failed_in_typesetting(harness, "Tides that fail to be set")

    status = await resume(harness, report)

    assert (status["status"], status["error"], status["resumption"]) == ("done", None, 1)
    assert status["charges"] == {"settled": 1, "possible_extra": 0}
    assert len(harness.servers.billing_log("Tides that fail to be set")) == 1
    assert await closings(harness, report) == [(0, "failed"), (1, "done")]
    assert [event.seq for event in await harness.progress.read(report)] == list(range(1, status["last_seq"] + 1))


@pytest.mark.usefixtures("quick_retries")
async def test_the_paid_text_of_a_failed_report_can_be_read(harness: Harness) -> None:
    report = await failed_in_typesetting(harness, "A text to be read all the same")

    paid = await harness.paid.read(report, LOCAL_CALLER)

    assert paid.is_whole
    assert paid.text.startswith("# ")


@pytest.mark.usefixtures("quick_retries")
async def test_a_corrected_text_replaces_the_models_text(harness: Harness) -> None:
    report = await failed_in_typesetting(harness, "Corrected by hand")

    status = await resume(harness, report, text="# By hand\n\nCorrected words.")

    assert status["status"] == "done"
    assert await harness.text(report) == "# By hand\n\nCorrected words."
    assert (await harness.reports.get(WorkflowRef(report, "default"))).text.is_edited
    assert len(await harness.kinds(report, "llm_call")) == 2, "the model is not called again"


@pytest.mark.usefixtures("quick_retries")
async def test_a_corrected_text_is_kept_in_the_next_resumption(harness: Harness) -> None:
    report = await failed_in_typesetting(harness, "Corrected and failed again")
    harness.renderer.fail("Corrected and failed again", DocumentError("no"))
    assert (await resume(harness, report, text="# Mine\n\nStays."))["status"] == "failed"

    assert (await resume(harness, report))["status"] == "done"
    assert await harness.text(report) == "# Mine\n\nStays."


@pytest.mark.usefixtures("quick_retries")
async def test_two_concurrent_resumptions_are_one(harness: Harness) -> None:
    report = await failed_in_typesetting(harness, "Resumed by two")

    both = await asyncio.gather(*(harness.resuming.resume(report, LOCAL_CALLER, {}) for _ in range(2)))

    assert sorted(one.replayed for one in both) == [False, True]
    await harness.finished(report)
    assert await closings(harness, report) == [(0, "failed"), (1, "done")]


@pytest.mark.usefixtures("quick_retries")
async def test_a_repeated_request_resumes_once(harness: Harness) -> None:
    report = await failed_in_typesetting(harness, "Resumed with a key")
    await resume(harness, report, "key-1", text="# One\n\nText.")

    again = await harness.resuming.resume(report, LOCAL_CALLER, {"text": "# One\n\nText."}, "key-1")

    assert again.replayed
    with pytest.raises(IdempotencyKeyReused):
        await harness.resuming.resume(report, LOCAL_CALLER, {"text": "# Another\n\nText."}, "key-1")


async def test_finished_cancelled_and_undone_workflows_are_not_resumed(harness: Harness) -> None:
    done = await harness.submit("Finished and not to be resumed")
    await harness.finished(done)
    post = await harness.submit("A post is not resumed", "blog-post")

    for workflow_id in (done, post):
        with pytest.raises(InvalidState):
            await harness.resuming.resume(workflow_id, LOCAL_CALLER, {})
    await harness.finished(post)


async def test_a_terminated_report_can_be_resumed(harness: Harness) -> None:
    harness.fault("ended by an operator", latency_seconds=3)
    report = await harness.submit("ended by an operator")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await harness.ledger.running_calls(report):
            await asyncio.sleep(0.02)
    await harness.environment.client.get_workflow_handle(report).terminate("an operator")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await harness.pass_of(CloseEnded).close_one(
            await harness.workflows.get(WorkflowRef(report, "default"))
        ):
            await asyncio.sleep(0.05)

    status = await resume(harness, report)

    assert status["status"] == "done"
    assert len(harness.servers.billing_log("ended by an operator")) == 1
    assert await closings(harness, report) == [(0, "terminated"), (1, "done")]


async def test_a_resumption_uses_the_current_settings_when_every_send_was_refused(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.fault("a model nobody knows", fault="401")
    report = await harness.submit("a model nobody knows")
    await harness.finished(report)
    harness.servers.clear_faults()
    monkeypatch.setattr(harness.writer.model, "model", "simulator-small")

    assert (await resume(harness, report))["status"] == "done"
    assert [call["model"] for call in harness.servers.billing_log("a model nobody knows")] == ["simulator-small"]


@pytest.mark.usefixtures("quick_retries")
async def test_an_empty_charged_answer_is_bought_again_only_when_accepted(harness: Harness) -> None:
    harness.fault("empty at first", fault="empty", times=2)
    report = await harness.submit("empty at first")
    assert (await harness.finished(report))["error"]["code"] == "empty_output"

    offer = await harness.resuming.offer(await harness.reading.status(report, LOCAL_CALLER))
    with pytest.raises(InvalidState, match="charged again, 2 so far"):
        await harness.resuming.resume(report, LOCAL_CALLER, {})
    status = await resume(harness, report, accept_charge=True)

    assert offer is not None
    assert offer.price is Price.ANOTHER_ANSWER
    assert status["status"] == "done"
    assert status["charges"]["settled"] == 3


@pytest.mark.usefixtures("quick_retries")
async def test_beyond_the_cap_another_send_needs_accept_charge(harness_without_lookup: Harness) -> None:
    harness = harness_without_lookup
    harness.fault("silent thrice", fault="cut", times=2)
    report = await harness.submit("silent thrice")
    assert (await harness.finished(report))["error"]["code"] == "unconfirmed_effect"

    with pytest.raises(InvalidState, match="may be charged again"):
        await harness.resuming.resume(report, LOCAL_CALLER, {})
    assert (await resume(harness, report, accept_charge=True))["status"] == "done"
