"""The control API: settings for a test or a person outside."""

import httpx
import pytest
from openai import AsyncOpenAI

from tests.simulator.outside import Simulator


async def test_faults_are_listed_with_their_count_of_firings(
    simulator: Simulator, http: httpx.AsyncClient, topic: str
) -> None:
    simulator.fault(topic, fault="503", times=3)
    await http.post("/sink/webhook", content=topic)

    listed = (await http.get("/control/faults")).json()

    assert [(one["match"], one["fault"], one["times"], one["fired"]) for one in listed] == [(topic, "503", 3, 1)]


async def test_cleared_faults_do_not_fire(simulator: Simulator, http: httpx.AsyncClient, topic: str) -> None:
    simulator.fault(topic, fault="503")

    await http.delete("/control/faults")

    assert (await http.get("/control/faults")).json() == []


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "match"),
        ({"match": ""}, "match"),
        ({"match": "x"}, "latency_seconds"),
        ({"match": "x", "fault": "418"}, "fault"),
        ({"match": "x", "fault": "500", "call": 0}, "call"),
        ({"match": "x", "fault": "500", "times": "2"}, "times"),
        ({"match": "x", "fault": "500", "mach": "y"}, "mach"),
        ([], "body"),
    ],
)
async def test_an_invalid_fault_is_refused_and_named(http: httpx.AsyncClient, body: object, named: str) -> None:
    answer = await http.post("/control/faults", json=body)

    assert answer.status_code == 422
    assert named in answer.json()["error"]["message"]


async def test_invalid_settings_are_refused(http: httpx.AsyncClient) -> None:
    answer = await http.post("/control/settings", json={"latency_seconds": -1, "speed": 2})

    assert (answer.status_code, answer.json()["error"]["message"].count(";")) == (422, 1)


async def test_changing_settings_returns_all_current_settings(http: httpx.AsyncClient) -> None:
    answer = await http.post("/control/settings", json={"visibility_lag_seconds": 0.1})

    assert answer.json() == {
        "latency_seconds": 0,
        "visibility_lag_seconds": 0.1,
        "acceptance_seconds": 0,
    }


async def test_the_health_endpoint_answers_ok(http: httpx.AsyncClient) -> None:
    assert (await http.get("/health")).json() == {"status": "ok"}


async def test_models_are_listed(openai: AsyncOpenAI) -> None:
    models = [model.id async for model in openai.models.list()]

    assert models == ["simulator-research", "simulator-small", "simulator-embedding", "simulator-embedding-2"]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v1/none", 404), ("PUT", "/v1/responses", 405)])
async def test_an_unknown_address_is_refused_in_openais_error_format(
    http: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await http.request(method, path)

    assert (answer.status_code, answer.json()["error"]["message"]) == (status, f"Invalid URL ({method} {path})")
