"""Reading over HTTP: lists, status, result, files, health."""

import base64
import hashlib
import html
import re

import pytest
from quart.testing import QuartClient

from durable_research.domain.ledger.effects import Charges
from durable_research.domain.workflows.events import EventKind
from tests.web.harness import PDF, Harness


async def titles(client: QuartClient, query: str) -> list[str]:
    return [row["title"] for row in (await (await client.get(f"/api/workflows?{query}")).get_json())["workflows"]]


async def test_a_list_is_read_page_by_page_without_gap_or_repeat(client: QuartClient, harness: Harness) -> None:
    for number in range(5):
        await harness.queued(f"q{number}")
    seen, cursor = [], ""

    while cursor is not None:
        body = await (await client.get(f"/api/workflows?limit=2{cursor and f'&cursor={cursor}'}")).get_json()
        seen += [row["title"] for row in body["workflows"]]
        cursor = body["next_cursor"]

    assert seen == ["q4", "q3", "q2", "q1", "q0"]


async def test_a_list_is_filtered_by_status(client: QuartClient, harness: Harness) -> None:
    await harness.done(await harness.queued("a"))
    await harness.queued("b")
    await harness.step(await harness.queued("c"), "llm_call")

    assert await titles(client, "status=done,running") == ["c", "a"]
    assert await titles(client, "status=done&status=queued") == ["b", "a"]


async def test_a_text_search_takes_wildcards_literally(client: QuartClient, harness: Harness) -> None:
    await harness.queued("100% tide")
    await harness.queued("100 tides")

    assert await titles(client, "text=100%25") == ["100% tide"]


async def test_a_list_of_another_kind_is_empty(client: QuartClient, harness: Harness) -> None:
    await harness.queued()

    assert await titles(client, "kind=post") == []


async def test_a_list_holds_no_workflow_of_another_tenant(client: QuartClient, harness: Harness) -> None:
    await harness.queued(tenant="others")

    assert await titles(client, "") == []


async def test_a_cursor_of_another_list_is_refused(client: QuartClient, harness: Harness) -> None:
    await harness.queued("a")
    await harness.queued("b")
    cursor = (await (await client.get("/api/workflows?limit=1")).get_json())["next_cursor"]

    assert (await client.get(f"/api/reports?cursor={cursor}")).status_code == 400


async def test_a_changed_cursor_is_refused(client: QuartClient, harness: Harness) -> None:
    await harness.queued("a")
    await harness.queued("b")
    cursor = (await (await client.get("/api/workflows?limit=1")).get_json())["next_cursor"]
    changed = [cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :] for at in range(len(cursor))]

    statuses = {(await client.get(f"/api/workflows?cursor={one}")).status_code for one in changed}

    assert statuses == {400}


async def test_the_status_names_steps_attempts_and_workers(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()
    await harness.worker()
    await harness.step(report_id, "llm_call")

    body = await (await client.get(f"/api/workflows/{report_id}/status")).get_json()

    step = body["steps"][0]
    assert (body["status"], body["workers"]["live"]) == ("running", 1)
    assert (step["name"], step["state"], step["attempt"], step["worker"]) == ("llm_call", "running", 1, "worker-1@7")


async def test_the_status_shows_charges_of_model_calls_and_embeddings_separately(
    client: QuartClient, harness: Harness
) -> None:
    report_id = await harness.queued()
    harness.world.ledger.charged[report_id] = Charges(3, 1)
    harness.world.ledger.embedded[report_id] = Charges(1, 2)

    body = await (await client.get(f"/api/workflows/{report_id}/status")).get_json()

    charges = {"charges": {"settled": 3, "possible_extra": 1}, "embedding_charges": {"settled": 1, "possible_extra": 2}}
    assert {name: body[name] for name in charges} == charges


async def test_the_status_works_without_worker_and_without_temporal(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()
    harness.world.engine.is_away = True

    body = await (await client.get(f"/api/workflows/{report_id}/status")).get_json()

    assert (body["engine"], body["workers"]["live"]) == ("unreachable", 0)


async def test_a_result_that_is_not_ready_is_409_with_retry_after(client: QuartClient, harness: Harness) -> None:
    response = await client.get(f"/api/workflows/{await harness.queued()}/result")

    assert (response.status_code, response.headers["Retry-After"]) == (409, "1")


async def test_a_finished_result_names_the_report(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()
    await harness.done(report_id)

    body = await (await client.get(f"/api/workflows/{report_id}/result")).get_json()

    assert (body["report_id"], body["status"], body["pages"]) == (report_id, "done", 3)


async def test_the_event_history_is_returned_from_the_engine(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()
    harness.world.engine.histories[report_id] = [{"eventId": "1"}]

    body = await (await client.get(f"/api/workflows/{report_id}/history")).get_json()

    assert body == {"workflow_id": report_id, "events": [{"eventId": "1"}]}


async def test_an_event_history_without_temporal_is_503(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()
    harness.world.engine.is_away = True

    assert (await client.get(f"/api/workflows/{report_id}/history")).status_code == 503


async def test_cancelling_twice_is_accepted_twice_and_noted_once(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()

    answers = [(await client.post(f"/api/workflows/{report_id}/cancel")).status_code for _ in range(2)]

    kinds = [event.kind for event in harness.world.progress.events[report_id]]
    assert (answers, kinds.count(EventKind.CANCEL_REQUESTED)) == ([202, 202], 1)


async def test_a_report_body_holds_no_object_keys(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()
    await harness.done(report_id)

    text = await (await client.get(f"/api/reports/{report_id}")).get_data(as_text=True)

    assert f"pdf/{report_id}" not in text
    assert '"kind":"demo"' in text


async def test_the_pdf_is_sent_with_a_safe_file_name(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()
    await harness.done(report_id, title='Tide\r\n"; power/../ — Größe')

    response = await client.get(f"/api/reports/{report_id}.pdf")

    end = f"{report_id[-6:]}.pdf"
    assert await response.get_data(as_text=False) == PDF
    plain, full = f"tide-power-groe-{end}", f"tide-power-gr%C3%B6%C3%9Fe-{end}"
    assert response.headers["Content-Disposition"] == f"inline; filename=\"{plain}\"; filename*=UTF-8''{full}"
    assert response.headers["ETag"] == f'"{hashlib.sha256(PDF).hexdigest()}"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'self'" in response.headers["Content-Security-Policy"]


async def test_a_matching_etag_is_answered_without_the_file(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()
    await harness.done(report_id)
    etag = (await client.get(f"/api/reports/{report_id}.pdf")).headers["ETag"]

    response = await client.get(f"/api/reports/{report_id}.pdf", headers={"If-None-Match": f'"x", W/{etag}'})

    assert (response.status_code, await response.get_data(as_text=False)) == (304, b"")


@pytest.mark.parametrize(
    ("range_header", "first", "last"),
    [
        ("bytes=0-9", 0, 9),
        ("bytes=5-", 5, len(PDF) - 1),
        ("bytes=-4", len(PDF) - 4, len(PDF) - 1),
        ("bytes=0-999999", 0, len(PDF) - 1),
    ],
)
async def test_a_single_byte_range_is_sent(
    client: QuartClient, harness: Harness, range_header: str, first: int, last: int
) -> None:
    report_id = await harness.queued()
    await harness.done(report_id)

    response = await client.get(f"/api/reports/{report_id}.pdf", headers={"Range": range_header})

    assert response.status_code == 206
    assert response.headers["Content-Range"] == f"bytes {first}-{last}/{len(PDF)}"
    assert await response.get_data(as_text=False) == PDF[first : last + 1]


async def test_a_range_with_an_outdated_etag_gets_the_whole_file(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()
    await harness.done(report_id)

    response = await client.get(f"/api/reports/{report_id}.pdf", headers={"Range": "bytes=0-9", "If-Range": '"old"'})

    assert response.status_code == 200


async def test_a_standalone_html_report_escapes_markup(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()
    await harness.done(report_id, title="<b>Tides</b>")

    text = await (await client.get(f"/api/reports/{report_id}.html")).get_data(as_text=True)

    assert "<script" not in text
    assert "<h1>&lt;b&gt;Tides&lt;/b&gt;</h1>" in text


async def test_a_standalone_html_report_allows_only_its_own_style(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()
    await harness.done(report_id)

    response = await client.get(f"/api/reports/{report_id}.html")
    text = await response.get_data(as_text=True)

    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (inside,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert (html.unescape(inside), response.headers["Content-Security-Policy"]) == (
        policy,
        f"{policy}; frame-ancestors 'none'",
    )
    assert not re.search(r"<link|<script|@import|url\(|\ssrc=|\sstyle=", text)


@pytest.mark.parametrize(("language", "direction"), [("ar", "rtl"), ("he-IL", "rtl"), ("de", "ltr"), (None, "ltr")])
async def test_a_standalone_html_report_has_the_direction_of_its_language(
    client: QuartClient, harness: Harness, language: str | None, direction: str
) -> None:
    report_id = await harness.queued()
    report = await harness.done(report_id)
    harness.world.reports.reports[report_id] = ("default", report.model_copy(update={"language": language}))

    text = await (await client.get(f"/api/reports/{report_id}.html")).get_data(as_text=True)

    assert f'<html lang="{language or "en"}" dir="{direction}">' in text


async def test_health_names_an_unreachable_dependency_and_stays_200(client: QuartClient, harness: Harness) -> None:
    harness.world.engine.is_away = True

    response = await client.get("/health")

    assert response.status_code == 200
    assert await response.get_json() == {
        "status": "degraded",
        "dependencies": {"database": "ok", "temporal": "the temporal does not answer", "object store": "ok"},
    }


async def test_livez_is_200_without_the_database(client: QuartClient, harness: Harness) -> None:
    harness.world.database.is_away = True

    assert (await client.get("/livez")).status_code == 200


async def test_readyz_is_200_without_temporal(client: QuartClient, harness: Harness) -> None:
    harness.world.engine.is_away = True

    assert (await client.get("/readyz")).status_code == 200


async def test_readyz_is_503_without_the_database(client: QuartClient, harness: Harness) -> None:
    harness.world.database.is_away = True

    response = await client.get("/readyz")

    assert (response.status_code, response.content_type) == (503, "application/problem+json")


async def test_every_answer_carries_a_new_request_id(client: QuartClient) -> None:
    sent = {"X-Request-Id": "mine"}

    ids = {(await client.get("/livez", headers=sent)).headers["X-Request-Id"] for _ in range(3)}

    assert len(ids) == 3
    assert "mine" not in ids


async def test_a_decision_is_recorded_before_it_is_sent_to_the_workflow(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.waiting()

    answer = await client.post(f"/api/workflows/{report_id}/decide", json={"decision": "send_again"})

    assert (answer.status_code, harness.world.ledger.granted) == (202, [(report_id, "llm_call")])
    ((workflow_id, message),) = harness.world.engine.decided
    assert (workflow_id, message.model_dump()) == (
        report_id,
        {"step": "llm_call", "attempt": 1, "decision": "send_again"},
    )


async def test_the_decision_to_give_up_grants_no_send(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.waiting()

    answer = await client.post(f"/api/workflows/{report_id}/decide", json={"decision": "give_up"})

    assert (answer.status_code, harness.world.ledger.granted) == (202, [])
