"""/v1/embeddings: vectors without a model; texts that share words and parts of words get similar vectors."""

import asyncio
import base64
import math
import re
import struct
import unicodedata
import zlib
from collections import Counter
from typing import Any

from quart import Blueprint, Response

from durable_research.simulator.faults.errors import parse, reply
from durable_research.simulator.faults.faults import Call, cut_response, refuse, server_error
from durable_research.simulator.generation.generation import tokens
from durable_research.simulator.generation.requests import EmbeddingRequest
from durable_research.simulator.world import EMBEDDING_MODELS, World, caller_key, check_model, new_id

DEFAULT_DIMENSIONS = 256
_PIECE = 3
# "the" and "of" are in every text and do not characterise it.
_FILLER_LENGTH = 3
_FILLER_WEIGHT = 0.2
_PIECE_WEIGHT = 0.3


class EmbeddingsApi:
    """The route of embeddings."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> Blueprint:
        routes = Blueprint("embeddings", __name__, url_prefix="/v1/embeddings")
        routes.add_url_rule("", view_func=self.create, methods=["POST"])
        return routes

    async def create(self) -> Response:
        body = await parse(EmbeddingRequest)
        check_model(body.model, EMBEDDING_MODELS)
        text = "\n".join(body.texts)
        fault = self._world.faults.take(Call("embedding", text, "embeddings", body.provided_fields))
        await refuse(fault)
        used = tokens(text)
        await self._world.billing_log.write(
            "embedding",
            key=caller_key(body.metadata, body.user),
            text=text,
            id=new_id("emb_"),
            model=body.model,
            tokens=used,
        )
        if fault and fault.fault == "billed_500":
            raise server_error()
        if fault and fault.fault == "cut":
            return cut_response("application/json", b"{")
        if fault:
            await asyncio.sleep(fault.latency(0))
        vectors = await asyncio.to_thread(_vectors, body)
        shown = _shown(body, vectors, used)
        return reply(fault.quirk_effect.payload(shown) if fault else shown)


def _shown(body: EmbeddingRequest, vectors: list[list[float]], used: int) -> dict[str, Any]:
    as_base64 = body.encoding_format == "base64"
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _packed(vector) if as_base64 else vector}
            for index, vector in enumerate(vectors)
        ],
        "model": body.model,
        "usage": {"prompt_tokens": used, "total_tokens": used},
    }


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _vectors(body: EmbeddingRequest) -> list[list[float]]:
    size = body.dimensions or DEFAULT_DIMENSIONS
    return [embed(text, size, EMBEDDING_MODELS.index(body.model)) for text in body.texts]


def embed(text: str, size: int, seed: int) -> list[float]:
    """Hash words and parts of words into a vector of length one; vectors of different seeds cannot be compared."""
    vector = [0.0] * size
    for feature, weight in _features(text).items():
        hashed = zlib.crc32(feature.encode(), seed)
        # A separate sign for each feature prevents collisions from making all texts similar.
        vector[(hashed >> 1) % size] += weight if hashed & 1 else -weight
    length = math.sqrt(sum(value * value for value in vector))
    if length == 0:
        vector[0] = length = 1.0
    return [value / length for value in vector]


def _features(text: str) -> dict[str, float]:
    words = re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())
    features: dict[str, float] = {}
    for word, count in Counter(words).items():
        # The square root: a word that occurs ten times counts more than once, but not ten times more.
        weight = math.sqrt(count) * (_FILLER_WEIGHT if word.isascii() and len(word) <= _FILLER_LENGTH else 1.0)
        features[word] = features.get(word, 0) + weight
        marked = f"<{word}>"
        for start in range(len(marked) - _PIECE + 1):
            piece = "#" + marked[start : start + _PIECE]
            features[piece] = features.get(piece, 0) + weight * _PIECE_WEIGHT
    return features
