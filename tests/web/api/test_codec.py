"""Temporal's Web UI has sealed payloads opened here: that page, this machine, this namespace, and nothing else."""

import base64
from typing import Any

import pytest
from quart.testing import QuartClient
from temporalio.api.common.v1 import Payload

from durable_research.payload_keys import Keyring, PayloadKey
from durable_research.settings.settings import Settings, SettingsInvalid, load
from durable_research.temporal.payloads.codec import PayloadOpener, SealingCodec
from tests.web.harness import Harness

ORIGIN = "http://127.0.0.1:8233"
RING = Keyring([PayloadKey("here", b"h" * 32)], "default")
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'"canary"')


@pytest.fixture
def harness() -> Harness:
    return Harness(settings=Settings(codec_origin=ORIGIN), payloads=PayloadOpener(RING))


async def sealed(ring: Keyring = RING) -> dict[str, Any]:
    (payload,) = await SealingCodec(ring).encode([PLAIN])
    return as_json(payload)


def as_json(payload: Payload) -> dict[str, Any]:
    metadata = {name: base64.b64encode(value).decode() for name, value in payload.metadata.items()}
    return {"metadata": metadata, "data": base64.b64encode(payload.data).decode()}


async def test_the_codec_endpoint_opens_sealed_payloads_and_returns_others_unchanged(client: QuartClient) -> None:
    answer = await client.post(
        "/codec/decode",
        json={"payloads": [await sealed(), as_json(PLAIN)]},
        headers={"Origin": ORIGIN, "X-Namespace": "default"},
    )

    assert await answer.get_json() == {"payloads": [as_json(PLAIN), as_json(PLAIN)]}
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


async def test_the_cors_preflight_of_the_web_ui_is_answered(client: QuartClient) -> None:
    answer = await client.options("/codec/decode", headers={"Origin": ORIGIN, "Access-Control-Request-Method": "POST"})

    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (204, ORIGIN)
    assert answer.headers["Access-Control-Allow-Headers"] == "content-type, x-namespace"
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
@pytest.mark.parametrize("origin", ["http://localhost:8233", "http://127.0.0.1:8234", "https://127.0.0.1:8233", "null"])
async def test_any_other_origin_is_refused(client: QuartClient, method: str, origin: str) -> None:
    answer = await client.open(
        "/codec/decode", method=method, headers={"Origin": origin}, json={"payloads": [await sealed()]}
    )

    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_a_request_without_an_origin_is_answered(client: QuartClient) -> None:
    answer = await client.post("/codec/decode", json={"payloads": [await sealed()]})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        ({"payloads": "no"}, {}, 422, "invalid_input"),
        ({"payloads": [{"data": 5}]}, {}, 422, "invalid_input"),
        ({"something": []}, {}, 422, "invalid_input"),
        ([], {}, 422, "not_an_object"),
        ({"payloads": []}, {"X-Namespace": "other"}, 422, "wrong_namespace"),
        ({"payloads": []}, {"Host": "research.example"}, 404, "not_found"),
        ({"payloads": []}, {"X-Forwarded-For": "192.0.2.1"}, 404, "not_found"),
    ],
)
async def test_a_wrong_request_is_refused_with_cors_headers(
    body: Any, headers: dict[str, str], status: int, code: str
) -> None:
    settings = Settings(codec_origin=ORIGIN, public_url="https://research.example")
    client = Harness(settings=settings, payloads=PayloadOpener(RING)).app.test_client()

    answer = await client.post("/codec/decode", json=body, headers={"Origin": ORIGIN, **headers})

    assert (answer.status_code, (await answer.get_json())["code"]) == (status, code)
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


async def test_an_unknown_key_id_is_named(client: QuartClient) -> None:
    stranger = await sealed(Keyring([PayloadKey("elsewhere", b"e" * 32)], "default"))

    answer = await client.post("/codec/decode", json={"payloads": [stranger]})

    problem = await answer.get_json()
    assert (answer.status_code, answer.content_type, problem["code"]) == (
        422,
        "application/problem+json",
        "unknown_key_id",
    )
    assert "key elsewhere" in problem["detail"]


async def test_a_payload_of_another_namespace_does_not_open(client: QuartClient) -> None:
    foreign = await sealed(Keyring([PayloadKey("here", b"h" * 32)], "other"))

    answer = await client.post("/codec/decode", json={"payloads": [foreign]})

    assert (answer.status_code, (await answer.get_json())["code"]) == (422, "payload_unreadable")


async def test_there_is_no_encode_endpoint(client: QuartClient) -> None:
    assert (await client.post("/codec/encode", json={"payloads": []})).status_code == 404


async def test_without_a_configured_origin_there_is_no_codec_endpoint() -> None:
    client = Harness(payloads=PayloadOpener(RING)).app.test_client()

    assert (await client.post("/codec/decode", json={"payloads": []})).status_code == 404


@pytest.mark.parametrize("origin", ["*", "null", "http://127.0.0.1:8233/", "127.0.0.1:8233", "http://a b", "file://x"])
def test_the_setting_accepts_only_one_exact_origin(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    monkeypatch.setenv("DURABLE_RESEARCH_CODEC_ORIGIN", origin)

    with pytest.raises(SettingsInvalid, match="must be an origin as browsers send it"):
        load()
