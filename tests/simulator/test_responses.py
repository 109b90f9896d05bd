"""/v1/responses, called by the real OpenAI client."""

import asyncio

import httpx
import openai as sdk
import pytest
from openai import AsyncOpenAI
from openai.types.responses import Response

from tests.simulator.outside import MODEL, Simulator, eventually


async def completed(openai: AsyncOpenAI, response_id: str) -> Response:
    async def look() -> Response | None:
        response = await openai.responses.retrieve(response_id)
        return response if response.status == "completed" else None

    return await eventually(look)


async def test_a_foreground_response_is_answered_in_one_piece(openai: AsyncOpenAI, topic: str) -> None:
    response = await openai.responses.create(model=MODEL, input=topic)

    assert (response.status, response.output_text.splitlines()[0]) == ("completed", f"# T{topic[1:]}")


async def test_a_background_response_is_answered_with_its_id_before_it_is_generated(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.settings(latency_seconds=60)

    response = await openai.responses.create(model=MODEL, input=topic, background=True)

    assert (response.status, response.output) == ("queued", [])


async def test_a_background_response_completes_without_a_connected_client(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.settings(latency_seconds=0.3)
    async with simulator.openai() as first_client:
        accepted = await first_client.responses.create(model=MODEL, input=topic, background=True)

    response = await completed(openai, accepted.id)

    assert topic in response.output_text


async def test_the_metadata_of_a_response_is_returned(openai: AsyncOpenAI, topic: str) -> None:
    accepted = await openai.responses.create(model=MODEL, input=topic, background=True, metadata={"effect_key": "k"})

    response = await openai.responses.retrieve(accepted.id)

    assert response.metadata == {"effect_key": "k"}


async def test_the_token_usage_is_about_a_quarter_of_the_characters(openai: AsyncOpenAI) -> None:
    response = await openai.responses.create(model=MODEL, input="x" * 400, instructions="y" * 40)

    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens) == (110, -(-len(response.output_text) // 4))


async def test_a_cancelled_response_stays_cancelled(simulator: Simulator, openai: AsyncOpenAI, topic: str) -> None:
    simulator.settings(latency_seconds=60)
    accepted = await openai.responses.create(model=MODEL, input=topic, background=True)

    cancelled = await openai.responses.cancel(accepted.id)

    assert (cancelled.status, (await openai.responses.retrieve(accepted.id)).status) == ("cancelled", "cancelled")


async def test_cancelling_a_finished_response_changes_nothing(openai: AsyncOpenAI, topic: str) -> None:
    accepted = await openai.responses.create(model=MODEL, input=topic, background=True)
    await completed(openai, accepted.id)

    assert (await openai.responses.cancel(accepted.id)).status == "completed"


async def test_an_answer_longer_than_the_limit_is_incomplete(openai: AsyncOpenAI, topic: str) -> None:
    response = await openai.responses.create(model=MODEL, input=topic, max_output_tokens=50)

    assert response.incomplete_details is not None
    assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")


async def test_an_unknown_id_is_not_found(openai: AsyncOpenAI) -> None:
    with pytest.raises(sdk.NotFoundError, match="Response with id 'resp_none' not found"):
        await openai.responses.retrieve("resp_none")


async def test_a_response_with_store_false_cannot_be_retrieved(openai: AsyncOpenAI, topic: str) -> None:
    response = await openai.responses.create(model=MODEL, input=topic, store=False)

    with pytest.raises(sdk.NotFoundError):
        await openai.responses.retrieve(response.id)


async def test_an_unknown_model_is_not_found(openai: AsyncOpenAI, topic: str) -> None:
    with pytest.raises(sdk.NotFoundError) as refusal:
        await openai.responses.create(model="gpt-none", input=topic)

    assert (refusal.value.code, refusal.value.param) == ("model_not_found", "model")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b"[]", None),
        (b"\xff", None),
        (b"[" * 20_000, None),
        (b'{"input": "x"}', "model"),
        (b'{"model": "simulator-research"}', "input"),
        (b'{"model": "simulator-research", "input": 7}', "input"),
        (b'{"model": "simulator-research", "input": []}', "input"),
        (b'{"model": "simulator-research", "input": "x", "background": "yes"}', "background"),
        (b'{"model": "simulator-research", "input": "x", "temperature": 9}', "temperature"),
        (b'{"model": "simulator-research", "input": "x", "metadata": {"a": 1}}', "metadata"),
        (b'{"model": "simulator-research", "input": "\\ud800"}', None),
        (b'{"model": "simulator-research", "input": "x", "background": true, "store": false}', "background"),
    ],
)
async def test_a_bad_request_is_refused_in_openais_error_format(
    http: httpx.AsyncClient, body: bytes, param: str | None
) -> None:
    answer = await http.post("/v1/responses", content=body)

    error = answer.json()["error"]
    assert (answer.status_code, set(error), error["param"]) == (400, {"message", "type", "param", "code"}, param)


async def test_unknown_request_fields_are_accepted(http: httpx.AsyncClient, topic: str) -> None:
    answer = await http.post("/v1/responses", json={"model": MODEL, "input": topic, "brand_new": {"field": 1}})

    assert answer.status_code == 200


async def test_a_slow_response_does_not_delay_others(simulator: Simulator, openai: AsyncOpenAI, topic: str) -> None:
    simulator.fault(f"slow {topic}", latency_seconds=60)
    slow = asyncio.create_task(openai.responses.create(model=MODEL, input=f"slow {topic}"))
    await openai.responses.create(model=MODEL, input=f"quick {topic}")

    assert not slow.done()
    slow.cancel()
