"""Whether the model provider answers, asked by what costs nothing."""

import pytest
from quart import Quart, Response, request

from durable_research.adapters.models.reachability import ProviderReachability
from durable_research.domain.errors import InfrastructureDown
from tests.adapters.models.serving import serving

KEY = "sk-canary"


async def reason(status: int) -> str | None:
    """Why a provider that answers its list of models so does not count as there."""
    app, keys = Quart(__name__), []

    async def models() -> Response:
        keys.append(request.headers["Authorization"])
        return Response(b"{}", status)

    app.add_url_rule("/v1/models", view_func=models)
    async with serving(app) as address:
        try:
            await ProviderReachability(f"{address}/v1", KEY).check()
        except InfrastructureDown as down:
            return down.detail
        finally:
            assert keys == [f"Bearer {KEY}"]
    return None


@pytest.mark.parametrize("status", [200, 404, 405, 501])
async def test_a_provider_that_answers_is_there_also_without_a_list(status: int) -> None:
    assert await reason(status) is None


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "the model provider refuses the key (HTTP 401): check OPENAI_API_KEY"),
        (403, "the model provider refuses the key (HTTP 403): check OPENAI_API_KEY"),
        (302, "the model provider answers HTTP 302"),
        (429, "the model provider answers HTTP 429"),
        (503, "the model provider answers HTTP 503"),
    ],
)
async def test_a_refusal_is_said_with_its_status(status: int, words: str) -> None:
    assert await reason(status) == words


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/v1", "no address", "http://user:canary@127.0.0.1:1"])
async def test_an_unreachable_address_is_said_without_the_address_and_the_key(address: str) -> None:
    with pytest.raises(InfrastructureDown) as refused:
        await ProviderReachability(address, KEY).check()

    assert refused.value.detail.startswith("the model provider cannot be reached (")
    assert "canary" not in refused.value.detail


async def test_without_a_key_a_provider_that_needs_one_is_not_asked() -> None:
    with pytest.raises(InfrastructureDown, match="OPENAI_API_KEY is not set"):
        await ProviderReachability("http://127.0.0.1:1", None).check()
