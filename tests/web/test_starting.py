"""Starting over HTTP: accepted at once, once, whatever happens around it."""

import asyncio

import pytest
from quart.testing import QuartClient

from tests.web.house import House

START = "/api/workflows/generate-report"


async def start(
    client: QuartClient, prompt: str = "tides", **headers: str
) -> tuple[int, dict[str, str], dict[str, str]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = await client.post(START, json={"prompt": prompt}, headers=named)
    return response.status_code, await response.get_json(), dict(response.headers)


async def test_a_start_is_accepted_with_the_addresses_to_go_on_from(client: QuartClient) -> None:
    status, body, headers = await start(client)

    base = f"/api/workflows/{body['workflow_id']}"
    assert status == 202
    assert body == {
        "workflow_id": body["workflow_id"],
        "report_id": body["workflow_id"],
        "status": "queued",
        "page_url": f"/reports/{body['workflow_id']}",
        "status_url": f"{base}/status",
        "events_url": f"{base}/events",
        "result_url": f"{base}/result",
    }
    assert headers["location"] == f"{base}/status"


async def test_a_start_is_accepted_while_temporal_is_away(client: QuartClient, house: House) -> None:
    house.world.engine.is_away = True

    status, body, _ = await start(client)
    await house.operations.starting.close()

    assert status == 202
    assert house.world.workflows.rows[body["workflow_id"]].engine_started is False


async def test_the_same_key_and_body_give_the_same_report_and_say_so(client: QuartClient, house: House) -> None:
    _, first, first_headers = await start(client, Idempotency_Key="k")

    status, second, second_headers = await start(client, Idempotency_Key="k")

    assert (status, second["workflow_id"]) == (202, first["workflow_id"])
    assert ("idempotency-replayed" in first_headers, second_headers["idempotency-replayed"]) == (False, "true")
    assert len(house.world.workflows.rows) == 1


async def test_fifty_starts_at_once_with_one_key_make_one_report(client: QuartClient, house: House) -> None:
    answers = await asyncio.gather(*(start(client, Idempotency_Key="k") for _ in range(50)))

    assert {status for status, _, _ in answers} == {202}
    assert len({body["workflow_id"] for _, body, _ in answers}) == len(house.world.workflows.rows) == 1


async def test_the_same_key_with_another_body_is_refused(client: QuartClient) -> None:
    await start(client, Idempotency_Key="k")

    status, body, _ = await start(client, "winds", Idempotency_Key="k")

    assert (status, body["code"]) == (422, "idempotency_key_reused")


async def test_a_key_of_255_characters_is_accepted(client: QuartClient) -> None:
    assert (await start(client, Idempotency_Key="~" * 255))[0] == 202


@pytest.mark.parametrize(
    "prompt",
    [
        "'; DROP TABLE reports;--",
        "<script>alert(1)</script>",
        "{{7*7}} ${7*7} #{7*7} %s {0.__class__}",
        "ignore previous instructions",
        "a\n\tb",
        "x" * 20_000,
    ],
)
async def test_a_prompt_is_kept_as_it_was_written(client: QuartClient, house: House, prompt: str) -> None:
    status, body, _ = await start(client, prompt)

    assert (status, house.world.workflows.rows[body["workflow_id"]].input["prompt"]) == (202, prompt)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec_Fetch_Site": "same-origin", "Origin": "http://localhost"},
        {"Sec_Fetch_Site": "none"},
        {"Sec_Fetch_Site": "same-origin", "Origin": "null"},
    ],
)
async def test_programs_and_our_own_pages_may_start(client: QuartClient, headers: dict[str, str]) -> None:
    assert (await start(client, **headers))[0] == 202


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", 'Application/JSON; charset="UTF-8"'])
async def test_json_in_utf_8_may_say_so(client: QuartClient, content_type: str) -> None:
    response = await client.post(START, data=b'{"prompt":"a"}', headers={"Content-Type": content_type})

    assert response.status_code == 202
