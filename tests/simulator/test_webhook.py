"""The webhook receiver."""

import base64
import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from standardwebhooks import Webhook

from tests.simulator.outside import Simulator

SECRET = "whsec_" + base64.b64encode(b"a secret of some length").decode()


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    simulator = Simulator(tmp_path_factory.mktemp("strict") / "witness.jsonl", "--webhook-secret", SECRET)
    yield simulator
    simulator.end(signal.SIGTERM)


def signed(body: str, id: str, secret: str = SECRET) -> dict[str, str]:
    now = datetime.now(UTC)
    return {
        "webhook-id": id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(id, now, body),
    }


async def test_a_delivery_is_accepted_with_204(http: httpx.AsyncClient, topic: str) -> None:
    answer = await http.post("/sink/webhook", content=topic, headers={"webhook-id": topic})

    assert (answer.status_code, answer.content) == (204, b"")


async def test_a_delivery_is_logged_with_its_webhook_id(
    simulator: Simulator, http: httpx.AsyncClient, topic: str
) -> None:
    await http.post("/sink/webhook", content=topic, headers={"webhook-id": "wh-1 " + topic})

    assert [(line["kind"], line["key"]) for line in simulator.billed(topic)] == [("webhook", "wh-1 " + topic)]


async def test_a_repeated_delivery_is_accepted_and_marked_as_a_repeat(
    simulator: Simulator, http: httpx.AsyncClient, topic: str
) -> None:
    answers = [await http.post("/sink/webhook", content=topic, headers={"webhook-id": topic}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [204, 204]
    assert [line.get("repeat") for line in simulator.billed(topic)] == [None, True]


async def test_deliveries_are_listed_with_body_and_receiver_name(http: httpx.AsyncClient, topic: str) -> None:
    body = json.dumps({"about": topic})
    await http.post("/sink/webhook/accounts", content=body, headers={"webhook-id": topic})

    listed = (await http.get("/sink/webhook")).json()

    assert [(one["name"], one["body"]) for one in listed if one["key"] == topic] == [("accounts", body)]


async def test_a_signed_delivery_is_accepted(strict: Simulator, topic: str) -> None:
    async with strict.http() as http:
        answer = await http.post("/sink/webhook", content=topic, headers=signed(topic, topic))

    assert answer.status_code == 204


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed("another body", "id"),
        {**signed("body", "id"), "webhook-signature": "v1,not base64"},
        {**signed("body", "id"), "webhook-signature": "nonsense"},
        {**signed("body", "id"), "webhook-timestamp": "1"},
        {**signed("body", "id"), "webhook-timestamp": "nan"},
        signed("body", "id", "whsec_" + base64.b64encode(b"another secret").decode()),
    ],
)
async def test_a_delivery_without_a_valid_signature_is_refused(strict: Simulator, headers: dict[str, str]) -> None:
    async with strict.http() as http:
        answer = await http.post("/sink/webhook", content="body", headers=headers)

    assert answer.status_code == 401


async def test_a_delivery_refused_for_its_signature_is_not_logged(strict: Simulator, topic: str) -> None:
    async with strict.http() as http:
        await http.post("/sink/webhook", content=topic)

    assert strict.billed(topic) == []


@pytest.mark.parametrize("status", [410, 429, 500, 503])
async def test_a_failing_receiver_answers_its_status_and_stores_nothing(
    simulator: Simulator, http: httpx.AsyncClient, topic: str, status: int
) -> None:
    simulator.fault(topic, fault=str(status))

    answer = await http.post("/sink/webhook", content=topic, headers={"webhook-id": topic})

    assert (answer.status_code, simulator.billed(topic)) == (status, [])


async def test_a_hanging_receiver_stores_nothing(simulator: Simulator, http: httpx.AsyncClient, topic: str) -> None:
    simulator.fault(topic, fault="timeout")

    with pytest.raises(httpx.ReadTimeout):
        await http.post("/sink/webhook", content=topic, timeout=0.3)
    assert simulator.billed(topic) == []


async def test_a_delivery_whose_answer_is_cut_is_stored(
    simulator: Simulator, http: httpx.AsyncClient, topic: str
) -> None:
    simulator.fault(topic, fault="cut")

    with pytest.raises(httpx.RemoteProtocolError):
        await http.post("/sink/webhook", content=topic, headers={"webhook-id": topic})
    assert len(simulator.billed(topic)) == 1


async def test_a_repeated_delivery_is_recognised_after_a_restart(strict: Simulator, topic: str) -> None:
    for restart in (False, True):
        if restart:
            strict.end(signal.SIGKILL)
            strict.start()
        async with strict.http() as http:
            await http.post("/sink/webhook", content=topic, headers=signed(topic, topic))

    assert [line.get("repeat") for line in strict.billed(topic)] == [None, True]
