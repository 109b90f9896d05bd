"""Embeddings of OpenAI and most compatible servers: answered at once, without an id, never stored.

Source: OpenAI's SDK for Python 3.54, its `embeddings` resource, read 2026-11-21; never run against OpenAI.
"""

import base64
import binascii
import math
import secrets
import struct
from dataclasses import replace
from typing import Any

from durable_research.adapters.models.http.error_bodies import complaint_of, is_complaint
from durable_research.adapters.models.http.outcomes import CallContext, of_complaint, of_prose
from durable_research.adapters.models.http.wire import Exchange, Wire
from durable_research.adapters.models.json.events import Body, Mark, Piece, Shape, parsed
from durable_research.adapters.models.json.untyped import as_dict, as_list, as_name, count_of
from durable_research.domain.errors import Ambiguous
from durable_research.domain.ledger.effects import ProviderClass
from durable_research.domain.ledger.usage import TokenUsage
from durable_research.domain.model_errors import AnswerLost, ModelRefused
from durable_research.ports.vendors.embeddings import DIMENSIONS, Embedding
from durable_research.ports.vendors.models import CallDeadlines
from durable_research.ports.vendors.remote import RemoteEffect

_OPTIONAL = frozenset({"dimensions", "encoding_format"})
# OpenAI's models accept 8,192 tokens, and no token is shorter than a byte: so many bytes fit in any language. A text's
# beginning shows its subject.
_LONGEST_BYTES = 8_000
_FLOAT_BYTES = 4


class OpenAIEmbeddings:
    """The EmbeddingModel port. There is no look-up after an unanswered send."""

    provider_class = ProviderClass.NOTHING
    settle_seconds = 0.0

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        model: str,
        provider: str,
        deadlines: CallDeadlines,
        has_own_address: bool = False,
    ) -> None:
        self.provider = provider
        self.model = model
        prefix = "OPENAI_EMBEDDING" if has_own_address else "OPENAI"
        context = CallContext(
            model_setting="OPENAI_EMBEDDING_MODEL",
            key_setting=f"{prefix}_API_KEY",
            url_setting=f"{prefix}_BASE_URL",
            otherwise="",
        )
        self.wire = Wire(base_url, api_key, context)
        # An answer comes whole, so the longest time is its only deadline.
        self._deadlines = replace(deadlines, silence=deadlines.longest, first_byte=deadlines.longest)

    def prepare(self, text: str) -> "EmbeddingCall":
        """Make the effect of embedding this text's beginning."""
        beginning = text.encode(errors="ignore")[:_LONGEST_BYTES].decode(errors="ignore")
        return EmbeddingCall(self.wire, self.model, beginning, self._deadlines)

    async def close(self) -> None:
        await self.wire.close()


class EmbeddingCall(RemoteEffect[Embedding]):
    """One embedding, which only the sending attempt can read."""

    def __init__(self, wire: Wire, model: str, text: str, deadlines: CallDeadlines) -> None:
        self._wire = wire
        self._model = model
        self._text = text
        self._deadlines = deadlines
        self._answer: dict[str, Any] | None = None

    async def send(self, key: str, handle: str | None) -> str:
        """Send the request, and wait for the answer. The key is a header too, for gateways that log it."""
        optional = {"dimensions": DIMENSIONS, "encoding_format": "float"}
        body = {
            "model": self._model,
            "input": self._text,
            **{name: value for name, value in optional.items() if name not in self._wire.limits.left_out},
        }
        headers = {"idempotency-key": key}
        exchange = await self._wire.open(
            "POST", "/embeddings", self._deadlines, body=body, headers=headers, optional=_OPTIONAL
        )
        try:
            self._answer = await _whole(exchange)
        finally:
            await exchange.close()
        # Embeddings have no ids: two sends must not look like one.
        return f"unnamed-{secrets.token_hex(8)}"

    async def reattach_to(self, reference: str) -> None:
        """Raise AnswerLost: it is not stored."""
        raise AnswerLost("an embedding can only be read by the attempt that asked for it")

    async def collect(self, reference: str) -> Embedding:
        """Return the answer of `send`; an unusable one is charged too, so it is checked here and not there."""
        if self._answer is None:
            raise AnswerLost("an embedding can only be read by the attempt that asked for it")
        vector = vector_of(self._answer)
        if len(vector) != DIMENSIONS:
            raise ModelRefused(
                f"{self._model} answers with {len(vector)} dimensions where {DIMENSIONS} were asked for: set "
                "OPENAI_EMBEDDING_MODEL to a model whose embeddings can be shortened, such as text-embedding-3-small"
            )
        if not any(vector) or not all(map(math.isfinite, vector)):
            raise ModelRefused(
                f"{self._model} answers with a vector that points nowhere: set OPENAI_EMBEDDING_MODEL to another model"
            )
        return Embedding(vector, self._model, self._tokens(self._answer))

    def _tokens(self, answer: dict[str, Any]) -> int:
        # Some servers report only the total, which is the same here, and some nothing.
        usage = as_dict(answer.get("usage"))
        counts = (count_of(usage.get(name)) for name in ("prompt_tokens", "input_tokens", "total_tokens"))
        return next((count for count in counts if count), TokenUsage.estimate(self._text, "").input_tokens)


async def _whole(exchange: Exchange) -> dict[str, Any]:
    """Read the whole answer.

    Raises:
        StepFailed, StillRunning: it is an error or a page.
        Ambiguous: it ended before it could be read.
    """
    body, piece = Body(), list[Piece]()
    while (data := await exchange.read()) is not None:
        piece += body.feed(data)
    piece += body.end()
    if body.shape is Shape.OTHER:
        raise of_prose(exchange.context)
    values = [one.value for one in piece if not isinstance(one.value, Mark)]
    answer = next((one for one in values if isinstance(one, dict) and _held(one) is not None), None)
    if answer is not None:
        return answer
    for value in values:
        if is_complaint(value):
            raise of_complaint(exchange.response.status_code, complaint_of(value), exchange.context)
    whole = next((one for one in values if isinstance(one, dict) and "data" in one), None)
    if whole is None:
        raise Ambiguous("the answer ended before anything came that could be read")
    return whole


def vector_of(answer: dict[str, Any]) -> tuple[float, ...]:
    """Read the vector: a list of numbers, or a string that holds one as JSON or base64; empty where there is none."""
    held = _held(answer)
    if isinstance(held, str):
        held = _unpacked(held)
    if isinstance(held, list) and len(held) == 1 and isinstance(held[0], list):
        held = held[0]  # llama.cpp without pooling: one vector for each token, and here is only one
    if not isinstance(held, list) or not all(
        isinstance(one, (int, float)) and not isinstance(one, bool) for one in held
    ):
        return ()
    return tuple(float(one) for one in held)


def _held(answer: dict[str, Any]) -> Any:
    rows = [one for one in as_list(answer.get("data")) if isinstance(one, dict) and one.get("embedding") is not None]
    first = next((one for one in rows if as_name(one.get("index")) in {"0", ""}), rows[0] if rows else {})
    if first:
        return first["embedding"]
    # Servers with a dialect: one vector, or a list of them, without `data`.
    several = answer.get("embeddings")
    return answer.get("embedding") or (several[0] if isinstance(several, list) and several else None)


def _unpacked(text: str) -> Any:
    if text.lstrip().startswith("["):
        try:
            return parsed(text)
        except (ValueError, RecursionError):
            return None
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    # Source: OpenAI's SDK 3.54, `lib/_parsing/_embeddings.py`, read 2026-11-28: floats of 32 bits in the order of the machine,
    # which is little-endian on all that we run on.
    return list(struct.unpack(f"<{len(data) // _FLOAT_BYTES}f", data)) if len(data) % _FLOAT_BYTES == 0 else None
