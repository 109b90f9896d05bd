"""Asking a model, and what any paid or visible act at a vendor looks like before it is sent."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from durable_research.domain.effects import ProviderClass
from durable_research.domain.usage import TokenUsage

TextSink = Callable[[str], None]


Answer = TypeVar("Answer", covariant=True)


class RemoteEffect(Protocol[Answer]):
    """One act at one vendor, prepared but not sent. The ledger decides whether and when to send it."""

    async def send(self, key: str) -> str:
        """Send at once, tagged with our key, and return the provider's id as soon as it is known.

        Raises:
            ModelBusy, ModelRefused, ModelUnavailable, ...: certainly not accepted.
            ModelAmbiguous: perhaps accepted.
        """
        ...

    async def collect(self, reference: str) -> Answer:
        """Wait for the answer to an accepted send and return it; may be called again by a later attempt."""
        ...

    async def cancel(self, reference: str) -> None:
        """Stop an accepted send, so that it spends no more."""
        ...


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
