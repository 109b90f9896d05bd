"""Starting over HTTP: accepted at once, once, whatever happens around it."""

import asyncio

import pytest
from quart.testing import QuartClient

from tests.web.harness import Harness

START = "/api/workflows/generate-report"


async def start(
    client: QuartClient, prompt: str = "tides", **headers: str
) -> tuple[int, dict[str, str], dict[str, str]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = await client.post(START, json={"prompt": prompt}, headers=named)
    return response.status_code, await response.get_json(), dict(response.headers)


async def test_a_start_is_accepted_with_the_addresses_of_the_workflow(client: QuartClient) -> None:
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


async def test_a_start_is_accepted_while_temporal_is_away(client: QuartClient, harness: Harness) -> None:
    harness.world.engine.is_away = True

    status, body, _ = await start(client)
    await harness.operations.starting.close()

    assert status == 202
    assert harness.world.workflows.rows[body["workflow_id"]].engine_started is False


async def test_a_repeated_key_and_body_return_the_same_report_as_replayed(
    client: QuartClient, harness: Harness
) -> None:
    _, first, first_headers = await start(client, Idempotency_Key="k")

    status, second, second_headers = await start(client, Idempotency_Key="k")

    assert (status, second["workflow_id"]) == (202, first["workflow_id"])
    assert ("idempotency-replayed" in first_headers, second_headers["idempotency-replayed"]) == (False, "true")
    assert len(harness.world.workflows.rows) == 1


async def test_fifty_concurrent_starts_with_one_key_make_one_report(client: QuartClient, harness: Harness) -> None:
    answers = await asyncio.gather(*(start(client, Idempotency_Key="k") for _ in range(50)))

    assert {status for status, _, _ in answers} == {202}
    assert len({body["workflow_id"] for _, body, _ in answers}) == len(harness.world.workflows.rows) == 1


async def test_the_same_key_with_another_body_is_refused(client: QuartClient) -> None:
    await start(client, Idempotency_Key="k")

    status, body, _ = await start(client, "winds", Idempotency_Key="k")

    assert (status, body["code"]) == (422, "idempotency_key_reused")


async def test_a_key_of_255_characters_is_accepted(client: QuartClient) -> None:
    assert (await start(client, Idempotency_Key="~" * 255))[0] == 202


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"\u0061" * 20_000, "a" * 20_000),
        (r"\ud83c\udf0a" * 20_000, "🌊" * 20_000),
        ("🌊" * 20_000, "🌊" * 20_000),
        (r"\u03b1\u0313\u0300\u0345" * 20_000, "ᾂ" * 20_000),
    ],
    ids=["escaped", "escaped-pairs", "as-it-is", "decomposed"],
)
async def test_the_longest_prompt_is_accepted_in_any_json_escaping(
    client: QuartClient, harness: Harness, written: str, read: str
) -> None:
    title = r"\ud83c\udf0a" * 200
    body = f'{{"prompt": "{written}", "title": "{title}"}}'.encode()

    response = await client.post(START, data=body, headers={"Content-Type": "application/json"})

    assert response.status_code == 202
    [row] = harness.world.workflows.rows.values()
    assert (row.input["prompt"] == read, row.input["title"] == "🌊" * 200) == (True, True)


@pytest.mark.parametrize(
    ("fields", "stored"),
    [
        ({"language": "zh-hans-cn"}, {"language": "zh-Hans-CN"}),
        ({"language": "es-419"}, {"language": "es-419"}),
        ({"language": "EN"}, {"language": "en"}),
        ({"start_after": "2020-11-22T09:00:00.1234567+01:00"}, {"start_after": "2020-11-22T08:00:00.123456Z"}),
        ({"start_after": "2020-11-22t09:00:00.000000001z"}, {"start_after": "2020-11-22T09:00:00Z"}),
        ({"start_after": "2016-12-31T23:59:60-00:00"}, {"start_after": "2017-01-01T00:00:00Z"}),
        ({"prompt": "a\r\nb\tc\rd"}, {"prompt": "a\nb\tc\nd"}),
    ],
)
async def test_equivalent_values_are_stored_in_canonical_form(
    client: QuartClient, harness: Harness, fields: dict[str, str], stored: dict[str, str]
) -> None:
    response = await client.post(START, json={"prompt": "tides"} | fields)

    assert response.status_code == 202
    [row] = harness.world.workflows.rows.values()
    assert row.input == {"prompt": "tides"} | stored


@pytest.mark.parametrize(
    ("field", "text", "detail"),
    [
        ("prompt", "a\x07b", "holds the control character U+0007; of these only newline and tab are allowed"),
        ("prompt", "a\x00", "holds the control character U+0000; of these only newline and tab are allowed"),
        ("title", "a\x9bb", "holds the control character U+009B; of these only newline and tab are allowed"),
        ("title", "a\tb", "must be one line, and holds U+0009"),
        ("user", "a\nb", "must be one line, and holds U+000A"),
        ("user", "\x7f", "holds the control character U+007F; of these only newline and tab are allowed"),
        ("language", "en\x1b", "holds the control character U+001B"),
    ],
)
async def test_a_control_character_is_refused_and_named_with_its_field(
    client: QuartClient, field: str, text: str, detail: str
) -> None:
    response = await client.post(START, json={"prompt": "tides", field: text})

    [error] = (await response.get_json())["errors"]
    assert (response.status_code, error) == (
        422,
        {"pointer": f"/{field}", "code": "control_character", "detail": detail},
    )


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
async def test_a_prompt_is_stored_unchanged(client: QuartClient, harness: Harness, prompt: str) -> None:
    status, body, _ = await start(client, prompt)

    assert (status, harness.world.workflows.rows[body["workflow_id"]].input["prompt"]) == (202, prompt)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec_Fetch_Site": "same-origin", "Origin": "http://localhost"},
        {"Sec_Fetch_Site": "none"},
        {"Sec_Fetch_Site": "same-origin", "Origin": "null"},
    ],
)
async def test_a_start_without_origin_or_from_our_own_pages_is_accepted(
    client: QuartClient, headers: dict[str, str]
) -> None:
    assert (await start(client, **headers))[0] == 202


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", 'Application/JSON; charset="UTF-8"'])
async def test_a_json_content_type_with_charset_utf_8_is_accepted(client: QuartClient, content_type: str) -> None:
    response = await client.post(START, data=b'{"prompt":"a"}', headers={"Content-Type": content_type})

    assert response.status_code == 202
