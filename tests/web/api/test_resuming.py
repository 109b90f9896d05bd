"""A failed report over HTTP: its text is read, it is resumed or corrected, and what may be charged again needs a yes."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from quart.testing import QuartClient

from durable_research.domain.ledger.effects import ProviderClass, Send, SendState
from durable_research.domain.workflows.events import Closed, EventKind
from durable_research.domain.workflows.workflow import Kind, Status
from durable_research.operations.reading.status import WorkflowStatus
from tests.fakes import START
from tests.web.harness import TEXT, Harness


async def status_of(client: QuartClient, workflow_id: str) -> Any:
    return await (await client.get(f"/api/workflows/{workflow_id}/status")).get_json()


async def resume(client: QuartClient, workflow_id: str, key: str | None = None, **body: Any) -> tuple[int, Any, bool]:
    headers = {"Idempotency-Key": key} if key else {}
    answer = await client.post(f"/api/workflows/{workflow_id}/resume", json=body, headers=headers)
    return answer.status_code, await answer.get_json(), answer.headers.get("Idempotency-Replayed") == "true"


async def resumptions(harness: Harness, workflow_id: str) -> int:
    return sum(event.kind is EventKind.RESUMED for event in await harness.world.progress.read(workflow_id))


@pytest.mark.parametrize("ended", [Status.FAILED, Status.TERMINATED])
async def test_the_status_of_a_failed_report_says_where_its_text_is_and_that_it_can_be_resumed(
    client: QuartClient, harness: Harness, ended: Status
) -> None:
    report_id = await harness.failed(status=ended)

    status = await status_of(client, report_id)

    words = "what was paid for is not paid again"
    assert status["resume"] == {"may_charge_again": False, "price": "nothing", "words": words, "has_text": True}
    assert await (await client.get(status["text_url"])).get_data(as_text=True) == TEXT
    assert status["error"]["remedy"]["resume"] is True


async def test_where_nobody_can_be_asked_the_status_names_what_may_be_charged(
    client: QuartClient, harness: Harness
) -> None:
    status = await status_of(client, await harness.failed_in_silence())

    words = "the model may be charged again, 0 so far, and perhaps 2 more"
    assert status["resume"] == {"may_charge_again": True, "price": "another_send", "words": words, "has_text": False}
    assert status["text_url"] is None


@pytest.mark.parametrize("kind", [Kind.POST, Kind.PROCESSING])
async def test_what_was_undone_offers_neither_resuming_nor_a_text(
    client: QuartClient, harness: Harness, kind: Kind
) -> None:
    undone = await harness.asked("undone", kind=kind)
    await harness.world.progress.close(undone, Status.FAILED, Closed(error={"code": "internal_error", "detail": "x"}))

    status = await status_of(client, undone)

    assert (status["resume"], status["text_url"], status["error"]["remedy"]["resume"]) == (None, None, False)
    code, body, _ = await resume(client, undone)
    assert (code, "run it again, which is paid anew" in body["detail"]) == (409, True)


async def test_what_runs_or_is_done_offers_no_resuming(client: QuartClient, harness: Harness) -> None:
    running, done = await harness.asked(), await harness.asked()
    await harness.done(done)

    for report_id in (running, done):
        status = await status_of(client, report_id)
        assert (status["resume"], status["text_url"]) == (None, None)


async def test_a_followed_report_is_not_looked_up_once_more(
    client: QuartClient, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    report_id, asked = await harness.asked(), list[str]()

    async def offer(status: WorkflowStatus) -> None:
        asked.append(status.row.workflow_id)

    monkeypatch.setattr(harness.operations.resuming, "offer", offer)

    await status_of(client, report_id)

    assert asked == []


async def test_the_status_of_a_failed_report_needs_no_object_store(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.failed()
    harness.world.objects.is_away = True

    assert (await status_of(client, report_id))["resume"]["has_text"]


@pytest.mark.parametrize(
    "place", ["reports/{}", "reports/{}.md", "reports/{}.pdf", "reports/{}.html", "workflows/{}/result"]
)
async def test_what_a_failed_report_lacks_is_refused_with_the_place_of_its_text(
    client: QuartClient, harness: Harness, place: str
) -> None:
    report_id = await harness.failed()

    answer = await client.get(f"/api/{place.format(report_id)}")

    detail = (await answer.get_json())["detail"]
    assert answer.status_code == 409
    assert f"/api/workflows/{report_id}/texts/text" in detail
    assert f"/api/workflows/{report_id}/resume" in detail


async def test_resuming_answers_with_the_workflow_and_how_often_it_was_resumed(
    client: QuartClient, harness: Harness
) -> None:
    report_id = await harness.failed()

    code, body, is_replayed = await resume(client, report_id)

    assert (code, body["workflow_id"], body["status"], body["resumption"]) == (202, report_id, "queued", 1)
    assert not is_replayed
    assert (await status_of(client, report_id))["resume"] is None


async def test_two_who_resume_at_once_are_one(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.failed()

    answers = await asyncio.gather(*(resume(client, report_id) for _ in range(2)))

    assert sorted((code, is_replayed) for code, _, is_replayed in answers) == [(202, False), (202, True)]
    assert await resumptions(harness, report_id) == 1


async def test_the_same_key_again_is_the_same_answer_and_another_text_under_it_is_refused(
    client: QuartClient, harness: Harness
) -> None:
    report_id = await harness.failed()
    await resume(client, report_id, "key-1", text="# One")
    await harness.world.progress.close(
        report_id, Status.FAILED, Closed(error={"code": "document_error", "detail": "x"}), 1
    )

    again, other = (
        await resume(client, report_id, "key-1", text="# One"),
        await resume(client, report_id, "key-1", text="# Two"),
    )

    assert (again[0], again[2]) == (202, True)
    assert (other[0], other[1]["code"]) == (422, "idempotency_key_reused")
    assert await resumptions(harness, report_id) == 1


async def test_a_corrected_text_is_what_is_read_from_then_on(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.failed()
    await resume(client, report_id, text="# By hand")
    await harness.world.progress.close(
        report_id, Status.FAILED, Closed(error={"code": "document_error", "detail": "x"}), 1
    )

    text_url = (await status_of(client, report_id))["text_url"]

    assert await (await client.get(text_url)).get_data(as_text=True) == "# By hand"


async def test_what_may_be_charged_again_is_resumed_by_a_yes_alone(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.failed_in_silence()

    refused, taken = await resume(client, report_id), await resume(client, report_id, accept_charge=True)

    assert (refused[0], taken[0]) == (409, 202)
    assert "may be charged again, 0 so far, and perhaps 2 more" in refused[1]["detail"]
    assert harness.world.ledger.granted == [(report_id, "llm_call")]


async def test_without_the_database_nothing_is_resumed(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.failed()
    harness.world.database.is_away = True

    assert (await resume(client, report_id))[0] == 503


async def test_what_a_worker_found_that_nobody_can_be_asked_needs_a_yes_though_the_ledger_names_one_who_can(
    client: QuartClient, harness: Harness
) -> None:
    report_id = await harness.failed_in_silence()
    ((key, record),) = harness.world.ledger.records.items()
    open_send = Send(1, SendState.OPEN, START, handle="conv_1")
    harness.world.ledger.records[key] = replace(record, sends=(open_send,), provider_class=ProviderClass.LOCKED)

    assert (await status_of(client, report_id))["resume"]["price"] == "another_send"
