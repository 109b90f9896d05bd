"""A draft that waits for a person: read, approved, edited and refused over HTTP and on its page."""

import re

import pytest
from quart.testing import QuartClient

from durable_research.domain.errors import AlreadyDecided
from durable_research.domain.workflows.events import ApprovalDecided, EventKind
from tests.web.harness import DRAFT_SHA256, TEXT, UNKNOWN, Harness
from tests.web.pages.test_pages import page, post

APPROVE = {"decision": "approve", "draft_sha256": DRAFT_SHA256}


async def test_a_decision_is_sent_to_the_workflow_and_its_outcome_returned(
    client: QuartClient, harness: Harness
) -> None:
    report_id = await harness.parked()

    answer = await client.post(f"/api/workflows/{report_id}/approve", json=APPROVE, headers={"Idempotency-Key": "mine"})

    body = await answer.get_json()
    assert (answer.status_code, body["outcome"], body["decision_id"]) == (202, "approve", "mine")
    ((workflow_id, message),) = harness.world.engine.approved
    assert workflow_id == report_id
    assert message.model_dump(mode="json") == {**APPROVE, "decision_id": "mine", "edited": None}


async def test_without_a_worker_the_decision_is_sent_as_a_signal(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.parked()
    harness.world.engine.has_workers = False

    answer = await client.post(f"/api/workflows/{report_id}/approve", json=APPROVE)

    assert (answer.status_code, (await answer.get_json())["outcome"]) == (202, None)
    assert [decision.decision for decision in harness.world.engine.unanswered] == ["approve"]


async def test_a_second_decision_is_409_already_decided(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.parked()
    harness.world.engine.refuses = AlreadyDecided("the draft has been refused")

    answer = await client.post(f"/api/workflows/{report_id}/approve", json=APPROVE)

    assert (answer.status_code, (await answer.get_json())["code"]) == (409, "already_decided")


async def test_a_decision_recorded_in_the_log_is_answered_without_the_engine(
    client: QuartClient, harness: Harness
) -> None:
    report_id = await harness.parked()
    decided = {**APPROVE, "decision_id": "mine"}
    await harness.world.progress.note_approval(
        report_id, EventKind.APPROVAL_GIVEN, ApprovalDecided.model_validate(decided)
    )
    harness.world.engine.is_away = True

    again = await client.post(f"/api/workflows/{report_id}/approve", json=decided)
    another = await client.post(f"/api/workflows/{report_id}/approve", json=APPROVE)

    assert (again.status_code, another.status_code) == (202, 409)


async def test_an_edited_text_is_stored_before_its_reference_is_sent(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.parked()

    await client.post(f"/api/workflows/{report_id}/approve", json={**APPROVE, "decision": "edit", "text": "# Mine"})

    ((_, message),) = harness.world.engine.approved
    assert harness.world.objects.objects[message.model_dump()["edited"]["key"]] == b"# Mine"


async def test_an_edited_text_may_be_as_long_as_a_report(client: QuartClient, harness: Harness) -> None:
    edit = {**APPROVE, "decision": "edit", "text": "x" * 200_000}

    assert (await client.post(f"/api/workflows/{await harness.parked()}/approve", json=edit)).status_code == 202


async def test_the_decide_endpoint_refers_to_approve_for_a_waiting_draft(client: QuartClient, harness: Harness) -> None:
    answer = await client.post(f"/api/workflows/{await harness.parked()}/decide", json={"decision": "give_up"})

    assert answer.status_code == 409
    assert (await answer.get_json())["detail"].endswith("approved: durable-research approve, or /approve")


async def test_an_edited_report_has_an_edited_fact(harness: Harness) -> None:
    report = await harness.done(await harness.queued())
    text = report.text.model_copy(update={"key": "drafts/one.edited.md"})
    await harness.world.objects.put(text.key, b"# Mine")

    written = await harness.operations.reports.document(report)
    edited = await harness.operations.reports.document(report.model_copy(update={"text": text}))

    assert [name for name, _ in edited.facts if name not in dict(written.facts)] == ["Edited"]


async def test_the_draft_can_be_read_only_while_it_waits(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.parked()

    answer = await client.get(f"/api/workflows/{report_id}/draft")
    none = await client.get(f"/api/workflows/{await harness.queued()}/draft")

    assert (answer.status_code, await answer.get_data(as_text=True)) == (200, TEXT)
    assert none.status_code == 409


async def test_the_page_shows_the_draft_escaped_with_all_decisions(client: QuartClient, harness: Harness) -> None:
    text = await page(client, f"/reports/{await harness.parked()}")

    assert re.findall(r'name="decision" value="(\w+)"[^>]*>([^<]+)<', text.split('data-part="approval"')[1])[:3] == [
        ("approve", "Approve"),
        ("refuse", "Refuse"),
        ("edit", "Go on with my text"),
    ]
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>alert(1)" not in text
    assert re.search(r'data-part="decide" hidden>', text)


async def test_before_the_notification_the_page_offers_no_edit(client: QuartClient, harness: Harness) -> None:
    text = await page(client, f"/reports/{await harness.parked(before='before_notify')}")

    assert 'value="edit"' not in text
    assert 'value="refuse"' in text


@pytest.mark.parametrize("decision", ["approve", "edit", "refuse"])
async def test_a_button_of_the_page_sends_the_decision(client: QuartClient, harness: Harness, decision: str) -> None:
    report_id = await harness.parked()
    text = await page(client, f"/reports/{report_id}")
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="(\w+)"', text))

    more = {"text": "# Mine\r\n"} if decision == "edit" else {}
    status, location, _ = await post(client, f"/reports/{report_id}/approve", decision=decision, **hidden, **more)

    assert (status, location) == (303, f"/reports/{report_id}")
    ((_, message),) = harness.world.engine.approved
    assert message.model_dump()["decision"] == decision


@pytest.mark.parametrize(("is_away", "status"), [(False, 409), (True, 503)])
async def test_a_refused_edit_is_shown_again_with_a_link_to_the_report(
    client: QuartClient, harness: Harness, is_away: bool, status: int
) -> None:
    report_id = await harness.parked()
    harness.world.engine.refuses = AlreadyDecided("the draft has been refused")
    harness.world.engine.is_away = is_away
    edit = {"decision": "edit", "draft_sha256": DRAFT_SHA256, "text": "# Mine\n</textarea><script>alert(1)"}

    answered, _, text = await post(client, f"/reports/{report_id}/approve", **edit)

    assert answered == status
    assert "# Mine\n&lt;/textarea&gt;&lt;script&gt;alert(1)</textarea>" in text
    assert f'href="/reports/{report_id}">Back to the report</a>' in text


async def test_a_refused_form_names_the_wrong_field(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.parked()

    status, _, text = await post(client, f"/reports/{report_id}/approve", decision="edit", draft_sha256=DRAFT_SHA256)

    assert status == 422
    assert "<li><code>/text</code> comes with an edit, and with nothing else.</li>" in text
    assert "<textarea" not in text


@pytest.mark.parametrize("path", ["/posts/{parked}", f"/reports/{UNKNOWN}"])
async def test_a_decision_about_an_unknown_report_is_404_without_a_link(
    client: QuartClient, harness: Harness, path: str
) -> None:
    path = path.format(parked=await harness.parked())

    status, _, text = await post(client, f"{path}/approve", decision="approve", draft_sha256=DRAFT_SHA256)

    assert status == 404
    assert "Back to" not in text


async def test_a_page_of_a_report_that_does_not_wait_has_no_approval_form(
    client: QuartClient, harness: Harness
) -> None:
    assert 'data-part="approval"' not in await page(client, f"/reports/{await harness.queued()}")
