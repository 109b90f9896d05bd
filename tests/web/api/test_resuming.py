"""A failed report over HTTP: its text is read, it is resumed or corrected, and a possible charge must be accepted."""

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
async def test_the_status_of_a_failed_report_offers_resumption_and_its_text(
    client: QuartClient, harness: Harness, ended: Status
) -> None:
    report_id = await harness.failed(status=ended)

    status = await status_of(client, report_id)

    words = "what was paid for is not paid again"
    assert status["resume"] == {"may_charge_again": False, "price": "nothing", "words": words, "has_text": True}
    assert await (await client.get(status["text_url"])).get_data(as_text=True) == TEXT
    assert status["error"]["remedy"]["resume"] is True


async def test_without_a_lookup_the_status_names_the_possible_charge(client: QuartClient, harness: Harness) -> None:
    status = await status_of(client, await harness.failed_in_silence())

    words = "the model may be charged again, 0 so far, and perhaps 2 more"
    assert status["resume"] == {"may_charge_again": True, "price": "another_send", "words": words, "has_text": False}
    assert status["text_url"] is None


@pytest.mark.parametrize("kind", [Kind.POST, Kind.PROCESSING])
async def test_an_undone_workflow_offers_neither_resumption_nor_text(
    client: QuartClient, harness: Harness, kind: Kind
) -> None:
    undone = await harness.queued("undone", kind=kind)
    await harness.world.progress.close(undone, Status.FAILED, Closed(error={"code": "internal_error", "detail": "x"}))

    status = await status_of(client, undone)

    assert (status["resume"], status["text_url"], status["error"]["remedy"]["resume"]) == (None, None, False)
    code, body, _ = await resume(client, undone)
    assert (code, "run it again, which is paid anew" in body["detail"]) == (409, True)


async def test_a_running_or_done_workflow_offers_no_resumption(client: QuartClient, harness: Harness) -> None:
    running, done = await harness.queued(), await harness.queued()
    await harness.done(done)

    for report_id in (running, done):
        status = await status_of(client, report_id)
        assert (status["resume"], status["text_url"]) == (None, None)


async def test_the_status_of_an_unfinished_report_computes_no_resumption_offer(
    client: QuartClient, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    report_id, offers = await harness.queued(), list[str]()

    async def offer(status: WorkflowStatus) -> None:
        offers.append(status.row.workflow_id)

    monkeypatch.setattr(harness.operations.resuming, "offer", offer)

    await status_of(client, report_id)

    assert offers == []


async def test_the_status_of_a_failed_report_needs_no_object_store(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.failed()
    harness.world.objects.is_away = True

    assert (await status_of(client, report_id))["resume"]["has_text"]


@pytest.mark.parametrize(
    "place", ["reports/{}", "reports/{}.md", "reports/{}.pdf", "reports/{}.html", "workflows/{}/result"]
)
async def test_a_missing_file_of_a_failed_report_is_409_with_the_address_of_its_text(
    client: QuartClient, harness: Harness, place: str
) -> None:
    report_id = await harness.failed()

    answer = await client.get(f"/api/{place.format(report_id)}")

    detail = (await answer.get_json())["detail"]
    assert answer.status_code == 409
    assert f"/api/workflows/{report_id}/texts/text" in detail
    assert f"/api/workflows/{report_id}/resume" in detail


async def test_resuming_returns_the_workflow_with_its_resumption_number(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.failed()

    code, body, is_replayed = await resume(client, report_id)

    assert (code, body["workflow_id"], body["status"], body["resumption"]) == (202, report_id, "queued", 1)
    assert not is_replayed
    assert (await status_of(client, report_id))["resume"] is None


async def test_two_concurrent_resumptions_are_one(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.failed()

    answers = await asyncio.gather(*(resume(client, report_id) for _ in range(2)))

    assert sorted((code, is_replayed) for code, _, is_replayed in answers) == [(202, False), (202, True)]
    assert await resumptions(harness, report_id) == 1


async def test_a_repeated_key_is_replayed_and_refused_with_another_text(client: QuartClient, harness: Harness) -> None:
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


async def test_a_corrected_text_replaces_the_paid_text(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.failed()
    await resume(client, report_id, text="# By hand")
    await harness.world.progress.close(
        report_id, Status.FAILED, Closed(error={"code": "document_error", "detail": "x"}), 1
    )

    text_url = (await status_of(client, report_id))["text_url"]

    assert await (await client.get(text_url)).get_data(as_text=True) == "# By hand"


async def test_a_resumption_with_a_possible_charge_needs_accept_charge(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.failed_in_silence()

    refused, accepted = await resume(client, report_id), await resume(client, report_id, accept_charge=True)

    assert (refused[0], accepted[0]) == (409, 202)
    assert "may be charged again, 0 so far, and perhaps 2 more" in refused[1]["detail"]
    assert harness.world.ledger.granted == [(report_id, "llm_call")]


async def test_resuming_is_503_without_the_database(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.failed()
    harness.world.database.is_away = True

    assert (await resume(client, report_id))[0] == 503


async def test_a_provider_found_without_lookup_needs_accept_charge_despite_its_class(
    client: QuartClient, harness: Harness
) -> None:
    report_id = await harness.failed_in_silence()
    ((key, record),) = harness.world.ledger.records.items()
    open_send = Send(1, SendState.OPEN, START, handle="conv_1")
    harness.world.ledger.records[key] = replace(record, sends=(open_send,), provider_class=ProviderClass.LOCKED)

    assert (await status_of(client, report_id))["resume"]["price"] == "another_send"
