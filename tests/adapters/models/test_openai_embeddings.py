"""Embeddings against the simulator, and against servers with unusable answers."""

import base64
import json
import math
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quart import Quart, request

from durable_research import policies
from durable_research.adapters.models.openai_embeddings import OpenAIEmbeddings, vector_of
from durable_research.domain.errors import Ambiguous
from durable_research.domain.ledger.effects import ProviderClass
from durable_research.domain.model_errors import (
    AnswerLost,
    FieldRefused,
    ModelBusy,
    ModelRefused,
    ModelTooLarge,
    ModelUnavailable,
    ProviderFailed,
    ProviderSilent,
    QuotaExhausted,
)
from durable_research.ports.vendors.embeddings import DIMENSIONS, Embedding
from durable_research.ports.vendors.models import CallDeadlines
from tests.adapters.models.peer import Request, Scripted, Then, head, peer, whole
from tests.adapters.models.serving import serving
from tests.installation import Installation

UNIT = [1.0] + [0.0] * (DIMENSIONS - 1)


def embeddings(url: str, model: str = "simulator-embedding") -> OpenAIEmbeddings:
    return OpenAIEmbeddings(
        deadlines=policies.CALL_DEADLINES, base_url=f"{url}/v1", api_key="k", model=model, provider="p"
    )


@pytest.fixture
async def model(servers: Installation) -> AsyncIterator[OpenAIEmbeddings]:
    model = embeddings(servers.up["simulator"])
    yield model
    await model.close()


async def embed(model: OpenAIEmbeddings, text: str) -> Embedding:
    call = model.prepare(text)
    return await call.collect(await call.send("our key", None))


def likeness(one: Embedding, other: Embedding) -> float:
    return sum(a * b for a, b in zip(one.vector, other.vector, strict=True))


async def answered(vector: list[Any], **more: Any) -> tuple[Embedding, dict[str, Any]]:
    """The embedding from this answer of a server, and the request that the server received."""
    server = Quart("a compatible server")
    request_body: dict[str, Any] = {}

    @server.post("/v1/embeddings")
    async def answer() -> dict[str, Any]:
        request_body.update(await request.get_json())
        data = [{"object": "embedding", "index": 0, "embedding": vector}] if vector else []
        return {"object": "list", "model": "another name", "data": data, **more}

    async with serving(server) as url:
        model = embeddings(url, "ours")
        try:
            return await embed(model, "ebb " * 4_000 + "flow"), request_body
        finally:
            await model.close()


async def test_texts_about_the_same_subject_have_near_embeddings(
    model: OpenAIEmbeddings, servers: Installation
) -> None:
    tides, tide_tables, tax = [
        await embed(model, text) for text in ("How tides turn", "When tides turn and how", "Paying taxes late")
    ]

    assert len(tides.vector) == DIMENSIONS
    assert tides.tokens > 0
    assert likeness(tides, tide_tables) > likeness(tides, tax)
    assert [line["key"] for line in servers.billing_log("How tides turn", kind="embedding")] == ["our key"]


@pytest.mark.parametrize(("has_own_address", "key"), [(False, "OPENAI_API_KEY"), (True, "OPENAI_EMBEDDING_API_KEY")])
async def test_a_refused_key_is_named_by_its_setting(servers: Installation, has_own_address: bool, key: str) -> None:
    text = f"refused by {key}"
    servers.simulator("faults", {"match": text, "kind": "embedding", "fault": "401"})
    model = OpenAIEmbeddings(
        base_url=f"{servers.up['simulator']}/v1",
        api_key="k",
        model="simulator-embedding",
        provider="simulator",
        deadlines=policies.CALL_DEADLINES,
        has_own_address=has_own_address,
    )

    with pytest.raises(ModelRefused, match=f"check {key}"):
        await embed(model, text)
    await model.close()


@pytest.mark.parametrize(
    ("kind", "error", "billed"),
    [
        ("429", ModelBusy, 0),
        ("500", ProviderFailed, 0),
        ("503", ModelBusy, 0),
        ("401", ModelRefused, 0),
        ("billed_500", Ambiguous, 1),
        ("cut", Ambiguous, 1),
    ],
)
async def test_each_provider_fault_is_mapped_to_a_typed_error(
    model: OpenAIEmbeddings, servers: Installation, kind: str, error: type[Exception], billed: int
) -> None:
    text = f"embedding fault {kind}"
    servers.simulator("faults", {"match": text, "kind": "embedding", "fault": kind})

    with pytest.raises(error):
        await embed(model, text)
    assert len(servers.billing_log(text, kind="embedding")) == billed


async def test_a_silent_server_is_given_up_after_the_deadline(
    servers: Installation,
) -> None:
    impatient = OpenAIEmbeddings(
        base_url=f"{servers.up['simulator']}/v1",
        api_key="k",
        model="simulator-embedding",
        provider="p",
        deadlines=CallDeadlines(silence=0.01, first_byte=0.01, longest=3),
    )
    servers.simulator("faults", {"match": "embedding unanswered", "kind": "embedding", "latency_seconds": 30})

    with pytest.raises(ProviderSilent, match="given up after"):
        await embed(impatient, "embedding unanswered")
    await impatient.close()


async def test_a_refused_connection_raises_model_unavailable() -> None:
    with pytest.raises(ModelUnavailable):
        await embed(embeddings("http://127.0.0.1:9"), "nobody there")


async def test_an_answer_is_readable_only_by_its_own_attempt(model: OpenAIEmbeddings) -> None:
    first, second = model.prepare("tides"), model.prepare("tides")
    references = [await first.send("key", None), await second.send("key", None)]

    assert references[0] != references[1]
    with pytest.raises(AnswerLost):
        await model.prepare("tides").collect(references[0])


def test_embeddings_have_provider_class_nothing(model: OpenAIEmbeddings) -> None:
    assert (model.provider_class, model.settle_seconds) == (ProviderClass.NOTHING, 0)


async def test_a_long_text_is_truncated_and_embedded_in_the_configured_dimensions() -> None:
    _, request_body = await answered(UNIT)

    assert request_body["dimensions"] == DIMENSIONS
    assert len(request_body["input"].encode()) == 8_000
    assert request_body["input"].startswith("ebb ebb")


async def test_a_text_is_not_cut_within_a_character(model: OpenAIEmbeddings, servers: Installation) -> None:
    assert len((await embed(model, "x" + "潮" * 5_000)).vector) == DIMENSIONS


async def test_an_embedding_carries_the_configured_model_name() -> None:
    embedding, _ = await answered(UNIT, usage={"prompt_tokens": 7, "total_tokens": 7})

    assert (embedding.model, embedding.tokens) == ("ours", 7)


async def test_tokens_are_estimated_when_the_server_reports_none() -> None:
    embedding, _ = await answered(UNIT)

    assert embedding.tokens == 2_000


@pytest.mark.parametrize(
    ("vector", "words"),
    [
        ([0.1] * 768, "768 dimensions where 256 were asked for: set OPENAI_EMBEDDING_MODEL"),
        ([], "0 dimensions"),
        ([0.0] * DIMENSIONS, "points nowhere: set OPENAI_EMBEDDING_MODEL"),
        ([math.nan] * DIMENSIONS, "points nowhere"),
    ],
    ids=["too many", "none", "zeros", "no numbers"],
)
async def test_a_vector_of_the_wrong_form_is_refused_with_the_setting_to_change(
    vector: list[float], words: str
) -> None:
    with pytest.raises(ModelRefused, match=words):
        await answered(vector)


PACKED = base64.b64encode(struct.pack(f"<{DIMENSIONS}f", *UNIT)).decode()


@pytest.mark.parametrize(
    "scripted",
    [
        {"data": [{"index": 0, "embedding": UNIT}], "usage": {"total_tokens": 4}},
        {"data": [{"index": 0, "embedding": UNIT}], "usage": None},
        {"data": [{"embedding": UNIT}]},
        {"data": {"embedding": UNIT}},
        {"data": [None, {"index": 1, "embedding": [9.0]}, {"index": 0, "embedding": UNIT}], "error": None},
        {"data": [{"index": 0, "embedding": json.dumps(UNIT)}]},
        {"data": [{"index": 0, "embedding": PACKED}]},
        {"data": [{"index": 0, "embedding": [UNIT]}]},
        {"data": [{"index": 0, "embedding": [int(one) for one in UNIT]}]},
        {"embedding": UNIT},
        {"embeddings": [UNIT]},
    ],
)
async def test_unknown_fields_beside_the_vector_are_ignored(scripted: Any) -> None:
    async with peer(whole(scripted)) as provider:
        model = embeddings(provider.url.removesuffix("/v1"), "ours")
        embedding = await embed(model, "tides")
        await model.close()

    assert (embedding.vector, embedding.tokens > 0) == (tuple(UNIT), True)


@pytest.mark.parametrize(
    "usage", [{"total_tokens": 4}, {"prompt_tokens": 4}, {"prompt_tokens": "x", "total_tokens": 4}]
)
async def test_total_tokens_are_used_when_prompt_tokens_are_missing(usage: Any) -> None:
    embedding, _ = await answered(UNIT, usage=usage)

    assert embedding.tokens == 4


@pytest.mark.parametrize(
    "vector", [["0.1"] * DIMENSIONS, [True] * DIMENSIONS, "no vector", "[1, 2", "AAAA", [[1.0], [2.0]]]
)
async def test_a_value_that_is_no_list_of_numbers_is_refused_as_a_vector(vector: Any) -> None:
    with pytest.raises(ModelRefused, match="dimensions where 256"):
        await answered(vector)


@pytest.mark.parametrize(
    ("scripted", "error", "words"),
    [
        (whole({"error": {"code": 501, "type": "not_supported_error"}}, 501), ModelRefused, "OPENAI_EMBEDDING_MODEL"),
        (whole({}, 404), ModelRefused, "OPENAI_EMBEDDING_MODEL"),
        (whole({"error": "pooling type none"}, 400), ModelRefused, "pooling type none"),
        (whole({"error": {"message": "input (1002 tokens) is too large to process"}}, 500), ModelTooLarge, "1002"),
        (whole({"error": {"message": "boom"}}, 500), ProviderFailed, "boom"),
        (whole({"error": "no such endpoint"}), ModelRefused, "OPENAI_BASE_URL"),
        (whole({"detail": "Not Found"}), ModelRefused, "Not Found"),
        ([head(kind="text/html") + b"<html>"], ModelRefused, "OPENAI_BASE_URL"),
        ([head(kind="application/json") + b'{"data": [{"embed'], Ambiguous, "ended before"),
        ([head(kind="application/json")], Ambiguous, "ended before"),
        (whole({}), Ambiguous, "ended before"),
        ([Then.RESET], Ambiguous, "lost"),
        (whole({"error": {"type": "insufficient_quota"}}, 429), QuotaExhausted, "OPENAI_API_KEY"),
    ],
)
async def test_each_malformed_answer_raises_the_error_of_the_table(
    scripted: Scripted, error: type[Exception], words: str
) -> None:
    async with peer(scripted) as provider:
        model = embeddings(provider.url.removesuffix("/v1"))
        with pytest.raises(error, match=words) as raised:
            await embed(model, "tides")
        await model.close()

    assert type(raised.value) is error


@pytest.mark.parametrize("field", ["dimensions", "encoding_format"])
async def test_a_field_that_is_refused_is_left_out_of_the_next_send(field: str) -> None:
    def answer(request: Request) -> Scripted:
        if field in request.body:
            return whole({"error": {"message": f"unknown field {field}"}}, 422)
        return whole({"data": [{"embedding": UNIT}]})

    async with peer(answer) as provider:
        model = embeddings(provider.url.removesuffix("/v1"))
        with pytest.raises(FieldRefused):
            await embed(model, "tides")
        assert (await embed(model, "tides")).vector == tuple(UNIT)
        await model.close()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["data", "embedding", "index"]), inner)
        ),
        max_leaves=8,
    )
)
def test_parsing_a_vector_from_any_value_raises_no_error(value: Any) -> None:
    vector_of({"data": value})
    vector_of({"data": [{"embedding": value}]})
    vector_of({"embeddings": value, "embedding": value})
