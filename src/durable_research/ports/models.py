"""Asking a model."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from durable_research.domain.effects import ProviderClass
from durable_research.domain.usage import TokenUsage
from durable_research.ports.remote import RemoteEffect

TextSink = Callable[[str], None]


@dataclass(frozen=True)
class ModelCall:
    """One question to a model: plain strings, already composed."""

    instructions: str
    prompt: str
    model: str


@dataclass(frozen=True)
class ModelAnswer:
    """A whole answer."""

    text: str
    model: str
    usage: TokenUsage
    reference: str


class LanguageModel(Protocol):
    """A provider of text. `is_demo` marks the simulator, whose text is labelled everywhere."""

    provider: str
    provider_class: ProviderClass
    model: str
    is_demo: bool

    def prepare(self, call: ModelCall, on_text: TextSink) -> RemoteEffect[ModelAnswer]:
        """Make the effect of this call; `on_text` gets the whole text so far, as it grows."""
        ...

    async def cancel(self, reference: str) -> None:
        """Stop an accepted call; one that has ended or is unknown is left alone."""
        ...
