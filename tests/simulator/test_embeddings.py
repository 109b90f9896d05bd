"""/v1/embeddings: vectors that behave as if they understood."""

import httpx
import pytest
from openai import AsyncOpenAI

from tests.simulator.outside import Simulator

MODEL = "simulator-embedding"


def likeness(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def embed(openai: AsyncOpenAI, *texts: str) -> list[list[float]]:
    answer = await openai.embeddings.create(model=MODEL, input=list(texts))
    return [item.embedding for item in answer.data]


async def test_a_vector_has_256_dimensions_and_length_one(openai: AsyncOpenAI, topic: str) -> None:
    [vector] = await embed(openai, topic)

    assert (len(vector), round(likeness(vector, vector), 4)) == (256, 1)


async def test_the_requested_dimensions_are_returned(openai: AsyncOpenAI, topic: str) -> None:
    answer = await openai.embeddings.create(model=MODEL, input=topic, dimensions=1024)

    assert len(answer.data[0].embedding) == 1024


async def test_float_and_base64_encoding_give_the_same_vector(openai: AsyncOpenAI, topic: str) -> None:
    as_numbers = await openai.embeddings.create(model=MODEL, input=topic, encoding_format="float")

    assert (await embed(openai, topic))[0] == pytest.approx(as_numbers.data[0].embedding, abs=1e-6)


async def test_the_same_text_always_has_the_same_vector(openai: AsyncOpenAI, topic: str) -> None:
    assert await embed(openai, topic) == await embed(openai, topic)


async def test_texts_about_the_same_subject_are_nearer_than_others(openai: AsyncOpenAI) -> None:
    base, near, far = await embed(
        openai,
        "How do solar panels convert sunlight into electricity?",
        "Solar panel efficiency: converting sunlight to electrical energy",
        "The history of medieval bread baking in monasteries",
    )

    assert likeness(base, near) > likeness(base, far) + 0.2


async def test_another_model_gives_another_vector_for_the_same_text(openai: AsyncOpenAI, topic: str) -> None:
    other = await openai.embeddings.create(model="simulator-embedding-2", input=topic)

    assert likeness((await embed(openai, topic))[0], other.data[0].embedding) < 0.9


async def test_each_embedding_call_is_billed_once_with_its_key(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    await openai.embeddings.create(model=MODEL, input=[topic, "more"], extra_headers={"Idempotency-Key": "our key"})

    assert [(line["kind"], line["key"]) for line in simulator.billed(topic)] == [("embedding", "our key")]


@pytest.mark.parametrize(
    "change",
    [
        {"input": ""},
        {"input": []},
        {"input": [""]},
        {"input": 7},
        {"dimensions": 0},
        {"encoding_format": "hex"},
        {"model": "simulator-research"},
    ],
)
async def test_a_bad_request_is_refused(http: httpx.AsyncClient, change: dict[str, object]) -> None:
    answer = await http.post("/v1/embeddings", json={"model": MODEL, "input": "x", **change})

    assert answer.status_code == 400
