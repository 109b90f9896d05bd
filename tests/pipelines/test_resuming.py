"""A report that failed, or was ended from outside, goes on from the step that failed; what was paid for stays paid."""

import asyncio
from typing import Any

import pytest

from durable_research.domain.errors import DocumentError, IdempotencyKeyReused, InvalidState
from durable_research.domain.workflows.progress import EventKind
from durable_research.operations.reading.recoverable import Price
from tests.pipelines.conftest import House


async def failed_in_typesetting(house: House, about: str) -> str:
    """A report whose text is paid for, and whose PDF could not be made."""
    report = await house.ask(about, title=about)
    house.renderer.fail(about, DocumentError("no way"))
    assert (await house.finished(report))["status"] == "failed"
    return report


async def resume(house: House, report: str, key: str | None = None, **body: Any) -> dict[str, Any]:
    await house.resuming.resume(report, "default", body, key)
    return await house.finished(report)


async def closings(house: House, report: str) -> list[tuple[int, str]]:
    events = await house.progress.read(report)
    return [(event.attempt, event.data["status"]) for event in events if event.kind is EventKind.CLOSED]


@pytest.mark.usefixtures("quick_retries")
async def test_a_resumed_report_arrives_and_pays_nothing_again(house: House) -> None:
    report = await failed_in_typesetting(house, "Tides that fail to be set")

    status = await resume(house, report)

    assert (status["status"], status["error"], status["resumption"]) == ("done", None, 1)
    assert status["charges"] == {"settled": 1, "possible_extra": 0}
    assert len(house.servers.witness("Tides that fail to be set")) == 1
    assert await closings(house, report) == [(0, "failed"), (1, "done")]
    assert [event.seq for event in await house.progress.read(report)] == list(range(1, status["last_seq"] + 1))


@pytest.mark.usefixtures("quick_retries")
async def test_the_paid_text_of_a_failed_report_can_be_read(house: House) -> None:
    report = await failed_in_typesetting(house, "A text to be read all the same")

    paid = await house.paid.read(report, "default")

    assert paid.is_whole
    assert paid.text.startswith("# ")


@pytest.mark.usefixtures("quick_retries")
async def test_a_corrected_text_takes_the_place_of_the_models(house: House) -> None:
    report = await failed_in_typesetting(house, "Corrected by hand")

    status = await resume(house, report, text="# By hand\n\nCorrected words.")

    assert status["status"] == "done"
    assert await house.text(report) == "# By hand\n\nCorrected words."
    assert (await house.reports.get(report, "default")).text.is_edited
    assert len(await house.kinds(report, "llm_call")) == 2, "the model is not asked again"


@pytest.mark.usefixtures("quick_retries")
async def test_a_corrected_text_is_kept_by_the_next_resumption(house: House) -> None:
    report = await failed_in_typesetting(house, "Corrected and failed again")
    house.renderer.fail("Corrected and failed again", DocumentError("no"))
    assert (await resume(house, report, text="# Mine\n\nStays."))["status"] == "failed"

    assert (await resume(house, report))["status"] == "done"
    assert await house.text(report) == "# Mine\n\nStays."


@pytest.mark.usefixtures("quick_retries")
async def test_two_who_resume_at_once_are_one(house: House) -> None:
    report = await failed_in_typesetting(house, "Resumed by two")

    both = await asyncio.gather(*(house.resuming.resume(report, "default", {}) for _ in range(2)))

    assert sorted(one.replayed for one in both) == [False, True]
    await house.finished(report)
    assert await closings(house, report) == [(0, "failed"), (1, "done")]


@pytest.mark.usefixtures("quick_retries")
async def test_a_request_that_is_sent_again_resumes_once(house: House) -> None:
    report = await failed_in_typesetting(house, "Resumed with a key")
    await resume(house, report, "key-1", text="# One\n\nText.")

    again = await house.resuming.resume(report, "default", {"text": "# One\n\nText."}, "key-1")

    assert again.replayed
    with pytest.raises(IdempotencyKeyReused):
        await house.resuming.resume(report, "default", {"text": "# Another\n\nText."}, "key-1")


async def test_what_is_finished_cancelled_or_undone_is_not_resumed(house: House) -> None:
    done = await house.ask("Finished and not to be resumed")
    await house.finished(done)
    post = await house.ask("A post is not resumed", "blog-post")

    for workflow_id in (done, post):
        with pytest.raises(InvalidState):
            await house.resuming.resume(workflow_id, "default", {})
    await house.finished(post)


async def test_a_terminated_report_goes_on(house: House) -> None:
    house.fault("ended by an operator", latency_seconds=3)
    report = await house.ask("ended by an operator")
    async with asyncio.timeout(60):
        while not await house.ledger.running_calls(report):
            await asyncio.sleep(0.02)
    await house.environment.client.get_workflow_handle(report).terminate("an operator")
    async with asyncio.timeout(60):
        while not await house.reconcile._close_one(await house.workflows.get(report, "default")):
            await asyncio.sleep(0.05)

    status = await resume(house, report)

    assert status["status"] == "done"
    assert len(house.servers.witness("ended by an operator")) == 1
    assert await closings(house, report) == [(0, "terminated"), (1, "done")]


async def test_todays_settings_are_taken_where_every_send_was_refused(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.fault("a model nobody knows", fault="401")
    report = await house.ask("a model nobody knows")
    await house.finished(report)
    house.servers.clear_faults()
    monkeypatch.setattr(house.writer.model, "model", "simulator-small")

    assert (await resume(house, report))["status"] == "done"
    assert [call["model"] for call in house.servers.witness("a model nobody knows")] == ["simulator-small"]


@pytest.mark.usefixtures("quick_retries")
async def test_a_charged_answer_that_is_none_is_bought_anew_by_leave_alone(house: House) -> None:
    house.fault("empty at first", fault="empty", times=2)
    report = await house.ask("empty at first")
    assert (await house.finished(report))["error"]["code"] == "empty_output"

    offer = await house.resuming.offer(report, "default")
    with pytest.raises(InvalidState, match="charged again, 2 so far"):
        await house.resuming.resume(report, "default", {})
    status = await resume(house, report, accept_charge=True)

    assert offer is not None
    assert offer.price is Price.ANOTHER_ANSWER
    assert status["status"] == "done"
    assert status["charges"]["settled"] == 3


@pytest.mark.usefixtures("quick_retries")
async def test_where_the_cap_is_used_up_another_send_needs_a_yes(plain_house: House) -> None:
    house = plain_house
    house.fault("silent thrice", fault="cut", times=2)
    report = await house.ask("silent thrice")
    assert (await house.finished(report))["error"]["code"] == "unconfirmed_effect"

    with pytest.raises(InvalidState, match="may be charged again"):
        await house.resuming.resume(report, "default", {})
    assert (await resume(house, report, accept_charge=True))["status"] == "done"
