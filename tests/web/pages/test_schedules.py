"""Schedules over HTTP and as a page."""

import re
from dataclasses import replace
from typing import Any

import pytest
from quart.testing import QuartClient

from durable_research.domain.errors import FieldError, InvalidInput
from durable_research.domain.schedules.schedule import MOST_SCHEDULES
from durable_research.pipelines.accept_scheduled.messages import AcceptScheduledReport
from tests.fakes import START
from tests.web.harness import Harness
from tests.web.pages.test_pages import SCRIPT, page, post

SCHEDULES = "/api/schedules"
BODY = {"prompt": "How do tides work?", "every": "0 9 * * 1-5", "timezone": "Europe/Berlin"}


async def add(client: QuartClient, key: str | None = None, **more: str) -> tuple[int, dict[str, Any], Any]:
    headers = {"Idempotency-Key": key} if key else {}
    response = await client.post(SCHEDULES, json=BODY | more, headers=headers)
    return response.status_code, await response.get_json(), response.headers


async def listed(client: QuartClient) -> list[dict[str, Any]]:
    return list((await (await client.get(SCHEDULES)).get_json())["schedules"])


async def test_a_created_schedule_is_returned_with_all_fields(client: QuartClient, harness: Harness) -> None:
    status, body, _ = await add(client, title="Tides each morning")

    assert status == 201
    assert body == {
        "schedule_id": body["schedule_id"],
        "title": "Tides each morning",
        "every": "0 9 * * 1-5",
        "timezone": "Europe/Berlin",
        "created_at": START.isoformat(),
        "paused": False,
        "failed": False,
        "next_at": "2026-08-01T13:00:00+00:00",
        "last_at": None,
    }
    assert await listed(client) == [body]
    assert harness.world.workflows.rows == {}


async def test_each_firing_gets_the_request_and_the_rhythm_separately(client: QuartClient, harness: Harness) -> None:
    await add(client, language="de")

    (made,) = harness.world.schedules.made.values()
    assert made.message == AcceptScheduledReport(
        tenant="default",
        request={"prompt": "How do tides work?", "language": "de"},
        every=made.every,
        timezone=made.timezone,
    )
    assert (made.workflow_type, made.task_queue) == ("AcceptScheduledReportWorkflow", "research")


async def test_a_repeated_key_and_body_return_the_same_schedule_as_replayed(client: QuartClient) -> None:
    _, first, first_headers = await add(client, "k")

    status, second, second_headers = await add(client, "k")

    assert (status, second) == (201, first)
    assert ("Idempotency-Replayed" in first_headers, second_headers["Idempotency-Replayed"]) == (False, "true")
    assert len(await listed(client)) == 1


async def test_the_same_key_with_another_rhythm_is_refused(client: QuartClient) -> None:
    await add(client, "k")

    status, body, _ = await add(client, "k", every="1d")

    assert (status, body["code"]) == (422, "idempotency_key_reused")


async def test_without_a_key_each_request_creates_a_schedule(client: QuartClient) -> None:
    assert (await add(client))[1]["schedule_id"] != (await add(client))[1]["schedule_id"]


async def test_number_of_schedules_is_limited(client: QuartClient) -> None:
    for number in range(MOST_SCHEDULES):
        await add(client, f"k{number}")

    assert (await add(client))[1]["code"] == "too_many_schedules"
    assert (await add(client, "k7"))[0] == 201  # a repeat is not one more


async def test_pausing_resuming_and_deleting_change_the_list(client: QuartClient) -> None:
    _, made, _ = await add(client)
    path = f"{SCHEDULES}/{made['schedule_id']}"

    paused = await client.post(f"{path}/pause")
    assert (paused.status_code, await paused.get_json()) == (200, made | {"paused": True, "next_at": None})
    assert (await listed(client))[0]["paused"] is True

    resumed = await client.post(f"{path}/resume", json={})
    assert (resumed.status_code, await resumed.get_json()) == (200, made)

    deleted = await client.delete(path)
    assert (deleted.status_code, await deleted.get_data()) == (204, b"")
    assert await listed(client) == []
    assert (await client.delete(path)).status_code == 404


@pytest.mark.parametrize(("method", "path"), [("GET", SCHEDULES), ("POST", SCHEDULES)])
async def test_without_temporal_the_schedules_api_is_503_with_retry_after(
    client: QuartClient, harness: Harness, method: str, path: str
) -> None:
    harness.world.engine.is_away = True

    response = await client.open(path, method=method, json=BODY if method == "POST" else None)

    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")


async def test_the_form_creates_a_schedule_and_shows_it(client: QuartClient, harness: Harness) -> None:
    status, location, _ = await post(
        client, "/schedules", prompt="tides?", day="1-5", time="09:05", timezone="Europe/Berlin", every="", token="t"
    )

    (made,) = harness.world.schedules.made.values()
    assert (status, location) == (303, "/schedules")
    assert (made.every, made.timezone) == ("5 9 * * 1-5", "Europe/Berlin")
    assert "Monday to Friday at 09:05 (Europe/Berlin) · next " in await page(client, "/schedules")


async def test_a_typed_rhythm_takes_precedence_over_day_and_time(client: QuartClient, harness: Harness) -> None:
    await post(client, "/schedules", prompt="tides?", day="*", time="09:00", timezone="", every=" 6h ", token="t")

    (made,) = harness.world.schedules.made.values()
    assert (made.every, made.timezone) == ("6h", "UTC")
    assert "Every 6 hours" in await page(client, "/schedules")


async def test_the_same_form_sent_twice_creates_one_schedule(client: QuartClient, harness: Harness) -> None:
    for _ in range(3):
        await post(client, "/schedules", prompt="tides?", day="*", time="09:00", token="t")

    assert len(harness.world.schedules.made) == 1


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("prompt", " ", "Write a question first."),
        ("day", "8", "Choose a day from the list."),
        ("time", "25:00", "Write the time as hours and minutes, such as 09:00."),
        ("timezone", "Mars", "This must be an IANA time zone such as Europe/Berlin or UTC."),
        ("every", "30s", "This must be at least a minute."),
    ],
)
async def test_a_wrong_field_is_explained_and_the_input_is_kept(
    client: QuartClient, harness: Harness, field: str, value: str, words: str
) -> None:
    fields = {"prompt": "tides & winds?", "day": "2", "time": "09:00", "timezone": "UTC", "token": "t", field: value}

    status, _, text = await post(client, "/schedules", **fields)

    assert status == 422
    assert f'<a href="#{field}">{words}</a>' in text
    assert f'id="{field}-error">{words}' in text
    assert re.search(rf'id="{field}"[^>]*aria-invalid="true" aria-describedby="{field}-error"', text)
    assert field == "prompt" or "tides &amp; winds?" in text
    assert field == "day" or '<option value="2" selected>' in text
    assert harness.world.schedules.made == {}


async def test_a_time_refused_by_temporal_is_explained_at_a_visible_field(
    client: QuartClient, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_: object) -> None:
        raise InvalidInput([FieldError("/every", "refused", "is refused by Temporal")])

    monkeypatch.setattr(harness.world.schedules, "create", refuse)

    _, _, text = await post(client, "/schedules", prompt="tides?", day="*", time="09:00", token="t")

    assert '<details class="more" open>' in text
    assert 'id="every-error">This is refused by Temporal.' in text


async def test_too_many_schedules_are_explained_on_the_page(client: QuartClient) -> None:
    for number in range(MOST_SCHEDULES):
        await add(client, f"k{number}")

    status, _, text = await post(client, "/schedules", prompt="tides?", day="*", time="09:00", token="t")

    assert status == 409
    assert "as many as are allowed" in text


async def test_the_buttons_of_the_page_pause_resume_and_delete(client: QuartClient) -> None:
    _, made, _ = await add(client)
    base = f"/schedules/{made['schedule_id']}"
    assert f'action="{base}/pause"' in await page(client, "/schedules")

    assert (await post(client, f"{base}/pause"))[:2] == (303, "/schedules")
    text = await page(client, "/schedules")
    assert "Paused" in text
    assert f'action="{base}/resume"' in text

    await post(client, f"{base}/resume")
    assert "Active" in await page(client, "/schedules")

    await post(client, f"{base}/delete")
    assert "Nothing is asked by itself yet" in await page(client, "/schedules")


async def test_a_schedule_stopped_by_a_refused_request_says_why(client: QuartClient, harness: Harness) -> None:
    _, made, _ = await add(client)
    view = harness.world.schedules.views[made["schedule_id"]]
    harness.world.schedules.views[made["schedule_id"]] = replace(view, paused=True, failed=True, next_at=None)

    text = await page(client, "/schedules")
    assert "Its last question was refused" in text
    assert "Stopped" in text
    assert (await listed(client))[0]["failed"] is True


async def test_a_title_is_escaped(client: QuartClient) -> None:
    await add(client, title=SCRIPT, every="1d")

    text = await page(client, "/schedules")
    assert SCRIPT not in text
    assert "&lt;script&gt;" in text


async def test_without_temporal_the_page_is_503_and_keeps_the_input(client: QuartClient, harness: Harness) -> None:
    harness.world.engine.is_away = True

    assert "Temporal does not answer" in await page(client, "/schedules")
    status, _, text = await post(client, "/schedules", prompt="typed words", day="*", time="09:00", token="t")

    assert status == 503
    assert "Temporal does not answer" in text
    assert "typed words" in text


async def test_the_navigation_links_to_the_schedules(client: QuartClient) -> None:
    assert '<a href="/schedules">Schedules</a>' in await page(client, "/")
    assert '<a href="/schedules" aria-current="page">Schedules</a>' in await page(client, "/schedules")
