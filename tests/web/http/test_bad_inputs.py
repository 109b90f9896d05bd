"""Whatever is sent, the answer is a problem of the right kind without internal words, and nothing was changed."""

import json
from pathlib import Path
from typing import Any

import pytest
from quart.testing import QuartClient

from durable_research.domain.workflows.events import Closed
from durable_research.domain.workflows.workflow import Kind, Status
from durable_research.telemetry import logs
from tests.logged import captured_lines
from tests.web.harness import Harness
from tests.web.http.bad_inputs import BAD, DONE, IDS, OF_OTHERS, RUNNING, Bad
from tests.web.http.bad_inputs_of_workflows import (
    CANCELLED,
    FAILED,
    OF_WORKFLOWS,
    PARKED,
    PARKED_BEFORE_NOTIFY,
    POST,
    SILENT,
    UNPAID,
)

MEMBERS = {"type", "title", "status", "detail", "instance", "code", "request_id"}
EVERY = [*BAD, *OF_WORKFLOWS]
DOCUMENTED = (Path(__file__).parents[3] / "docs" / "errors.md").read_text()
INTERNAL_WORDS = (
    "Traceback",
    "Input should",
    "instance of",
    "/web/",
    "quart",
    "werkzeug",
    "pydantic",
    "SELECT",
    "site-packages",
)


@pytest.fixture
async def ids(harness: Harness) -> dict[str, str]:
    """Reports: running, finished, cancelled, failed, another tenant's, three that wait for a person; and a finished post."""
    running, done = await harness.queued("running"), await harness.queued("done")
    await harness.done(done)
    of_others = await harness.queued("of others", tenant="others")
    await harness.done(of_others)
    post = await harness.queued("a post", kind=Kind.POST)
    await harness.written(post, text="# Bees")
    cancelled = await harness.queued("cancelled")
    await harness.world.progress.close(cancelled, Status.CANCELLED, Closed())
    return {
        RUNNING: running,
        DONE: done,
        OF_OTHERS: of_others,
        PARKED: await harness.parked(),
        PARKED_BEFORE_NOTIFY: await harness.parked(before="before_notify"),
        POST: post,
        UNPAID: await harness.waiting(),
        FAILED: await harness.failed(),
        SILENT: await harness.failed_in_silence(),
        CANCELLED: cancelled,
    }


def everything(harness: Harness) -> Any:
    world = harness.world
    return (
        dict(world.workflows.rows),
        dict(world.workflows.keys),
        {name: list(events) for name, events in world.progress.events.items() if events},
        dict(world.engine.started),
        list(world.engine.cancelled),
        list(world.engine.decided),
        list(world.engine.approved),
        dict(world.objects.objects),
        dict(world.schedules.views),
    )


async def send(client: QuartClient, bad: Bad, ids: dict[str, str]) -> Any:
    path = bad.path
    for name, value in ids.items():
        path = path.replace(name, value)
    return await client.open(path, method=bad.method, headers=bad.headers, data=bad.body)


def test_every_bad_input_has_its_own_name() -> None:
    assert len({bad.id for bad in EVERY}) == len(EVERY)


@pytest.mark.parametrize("bad", EVERY, ids=[bad.id for bad in EVERY])
async def test_a_bad_input_is_refused_as_the_table_says(
    bad: Bad, client: QuartClient, harness: Harness, ids: dict[str, str]
) -> None:
    before = everything(harness)

    response = await send(client, bad, ids)

    text = await response.get_data(as_text=True)
    assert response.status_code == bad.status, text
    assert response.content_type == "application/problem+json"
    body = json.loads(text)
    errors = body.get("errors", [])
    assert bad.code in {body["code"], *(error["code"] for error in errors)}
    if bad.pointer is not None:
        assert errors[0]["pointer"] == bad.pointer
    assert [one["code"] for one in errors if f"`{one['code']}`" not in DOCUMENTED] == []
    assert body.keys() >= MEMBERS
    assert body["status"] == bad.status
    assert body["request_id"] == response.headers["X-Request-Id"]
    assert len(text) <= 4096
    assert not any(word in text for word in INTERNAL_WORDS)
    assert ("Retry-After" in response.headers) == ("retry_after" in body)
    assert everything(harness) == before


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_every_kind_of_wrong_id_gets_the_same_answer(
    method: str, client: QuartClient, ids: dict[str, str]
) -> None:
    answers = set()
    for bad in (bad for bad in IDS if bad.method == "GET"):
        response = await send(client, Bad(bad.id, bad.path, 404, "not_found", method), ids)
        text = await response.get_data(as_text=True)
        body = json.loads(text) if text else {}
        body.pop("request_id", None), body.pop("instance", None)
        headers = {
            name: value
            for name, value in response.headers.items()
            if name.lower() not in {"x-request-id", "content-length"}
        }
        answers.add((response.status_code, json.dumps(body), json.dumps(headers)))

    assert len(answers) == 1


async def test_an_unknown_pipeline_is_refused_with_the_known_ones(client: QuartClient) -> None:
    body = await (await client.post("/api/workflows/frobnicate", json={"prompt": "a"})).get_json()

    assert body["detail"] == "there is no pipeline 'frobnicate'; there are generate-report, blog-post, ai-processing"
    assert body["instance"] == "/api/workflows/frobnicate"


async def test_a_405_names_the_allowed_methods(client: QuartClient) -> None:
    response = await client.delete("/api/workflows/generate-report")

    assert response.headers["Allow"] == "POST"


async def test_an_unexpected_error_is_logged_with_the_request_id_and_its_words_are_nowhere(
    client: QuartClient, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> Any:
        raise RuntimeError("secret words")

    monkeypatch.setattr(harness.world.workflows, "list", broken)

    with captured_lines() as lines:
        response = await client.get("/api/workflows")

    text = await response.get_data(as_text=True)
    assert response.status_code == 500
    assert "secret words" not in text
    assert json.loads(text)["code"] == "internal_error"
    request_id = json.loads(text)["request_id"]
    assert [(line["event"], line["request_id"]) for line in lines] == [
        (logs.REQUEST_FAILED.name, request_id),
        (logs.REQUEST_ANSWERED.name, request_id),
    ]
    assert "RuntimeError" in lines[0]["exception"]
    assert "secret words" not in json.dumps(lines)


async def test_an_unreachable_database_is_503_with_retry_after(client: QuartClient, harness: Harness) -> None:
    harness.world.database.is_away = True

    response = await client.post("/api/workflows/generate-report", json={"prompt": "a"})

    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert (await response.get_json())["code"] == "dependency_unavailable"
    assert harness.world.workflows.rows == {}
