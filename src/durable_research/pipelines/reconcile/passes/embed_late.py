"""Embedding finished texts that lack an embedding, by which related texts are found."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar

from durable_research.pipelines.reconcile import pipeline
from durable_research.pipelines.reconcile.messages import PassOutcome


@dataclass
class EmbedLate:
    """`embed_missing` embeds some and returns how many."""

    name: ClassVar = "embedded"
    deadline: ClassVar = pipeline.EMBEDDINGS_DEADLINE

    embed_missing: Callable[[], Awaitable[int]]

    async def run(self) -> PassOutcome:
        return PassOutcome(done=await self.embed_missing())
