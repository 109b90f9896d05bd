"""Embeddings, as OpenAI and most compatible servers speak them: answered at once, named by nothing, kept by nobody.

Source: the installed SDK's `embeddings` resource, version 3.54, read 2026-11-21; never run against OpenAI.
"""

import asyncio
import math
import secrets

from openai import AsyncOpenAI
from openai.types import CreateEmbeddingResponse

from durable_research.adapters.models.openai_client import open_client
from durable_research.adapters.models.openai_errors import translated
from durable_research.domain.effects import ProviderClass
from durable_research.domain.model_errors import AnswerLost, ModelRefused
from durable_research.domain.usage import TokenUsage
from durable_research.ports.embeddings import DIMENSIONS, Embedding
from durable_research.ports.remote import RemoteEffect

# Nothing is generated: an answer comes within a second or two, or something is wrong.
_ANSWER_SECONDS = 20.0
# OpenAI's models take 8,192 tokens, and no token is shorter than a byte: so many bytes fit whatever the language. What a text
# is about stands at its beginning.
_LONGEST_BYTES = 8_000


class OpenAIEmbeddings:
    """The EmbeddingModel port. After a silent send nothing can be asked."""

    provider_class = ProviderClass.NOTHING
    settle_seconds = 0.0

    def __init__(self, *, base_url: str, api_key: str, model: str, provider: str) -> None:
        self.provider = provider
        self.model = model
        self._client = open_client(base_url, api_key, _ANSWER_SECONDS)

    def prepare(self, text: str) -> "EmbeddingCall":
        """Make the effect of embedding this text's beginning."""
        beginning = text.encode(errors="ignore")[:_LONGEST_BYTES].decode(errors="ignore")
        return EmbeddingCall(self._client, self.model, beginning)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()


class EmbeddingCall(RemoteEffect[Embedding]):
    """One embedding, which only the attempt that asked can read."""

    def __init__(self, client: AsyncOpenAI, model: str, text: str) -> None:
        self._client = client
        self._model = model
        self._text = text
        self._answer: CreateEmbeddingResponse | None = None

    async def send(self, key: str, anchor: str | None) -> str:
        """Ask, and wait for the answer. The key goes along as a header, for gateways that log it."""
        with translated():
            async with asyncio.timeout(_ANSWER_SECONDS):
                self._answer = await self._client.embeddings.create(
                    model=self._model,
                    input=self._text,
                    dimensions=DIMENSIONS,
                    encoding_format="float",
                    extra_headers={"Idempotency-Key": key},
                )
        # Embeddings have no ids: two sends must not look like one.
        return f"unnamed-{secrets.token_hex(8)}"

    async def collect(self, reference: str) -> Embedding:
        """The answer of `send`; one that cannot be used is charged all the same, so it is judged here and not there."""
        if self._answer is None:
            raise AnswerLost("an embedding can only be read by the attempt that asked for it")
        vector = tuple(self._answer.data[0].embedding) if self._answer.data else ()
        if len(vector) != DIMENSIONS:
            raise ModelRefused(
                f"{self._model} answers with {len(vector)} dimensions where {DIMENSIONS} were asked for: set "
                "OPENAI_EMBEDDING_MODEL to a model whose embeddings can be shortened, such as text-embedding-3-small"
            )
        if not any(vector) or not all(map(math.isfinite, vector)):
            raise ModelRefused(
                f"{self._model} answers with a vector that points nowhere: set OPENAI_EMBEDDING_MODEL to another model"
            )
        return Embedding(vector, self._model, self._tokens())

    def _tokens(self) -> int:
        # Some servers do not tell.
        usage = getattr(self._answer, "usage", None)
        return usage.prompt_tokens if usage else TokenUsage.estimate(self._text, "").input_tokens
