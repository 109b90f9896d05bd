"""Requesting embeddings from a model."""

from dataclasses import dataclass
from typing import Protocol

from durable_research.domain.ledger.effects import ProviderClass
from durable_research.ports.vendors.remote import RemoteEffect

# The requested length, even if the model offers more: enough to find neighbours, 1 KiB a row, and the same for all models,
# so that one column and one index hold them.
DIMENSIONS = 256


@dataclass(frozen=True)
class Embedding:
    """A text's vector; only vectors of the same model can be compared.

    `model` is the requested name: providers answer with longer names of their own.
    """

    vector: tuple[float, ...]
    model: str
    tokens: int


class EmbeddingModel(Protocol):
    """A provider of embeddings; `settle_seconds` is how long it may take to show a send that it has accepted."""

    provider: str
    provider_class: ProviderClass
    model: str
    settle_seconds: float

    def prepare(self, text: str) -> RemoteEffect[Embedding]:
        """Make the effect of embedding this text; a text that is too long is cut to its beginning."""
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...
