"""Calling a language model."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from durable_research.domain.ledger.effects import ProviderClass
from durable_research.domain.ledger.usage import TokenUsage
from durable_research.ports.vendors.remote import EarlierSend, RemoteEffect

TextSink = Callable[[str], None]


@dataclass(frozen=True)
class CallDeadlines:
    """When one call (a send and its answer) is given up, in seconds; a call that does not stream has the longest alone.

    `silence` counts from the last byte of the body, and a comment or an empty event is a byte; `first_byte` from when the
    request was written, and headers are no byte of the body.
    """

    silence: float
    first_byte: float
    longest: float


@dataclass(frozen=True)
class ModelCall:
    """One request to a model: plain strings, already composed.

    `so_far` is the answer's text up to the cut, and `continuation_prompt` the one that makes the model continue there.
    """

    instructions: str
    prompt: str
    model: str
    so_far: str = ""
    continuation_prompt: str = ""

    @property
    def fingerprint(self) -> str:
        """The hash of the whole request and the model: an answer belongs to this call only if it bears the same."""
        # By names of its own: providers hold this hash of calls that an earlier release sent.
        hashed = {
            "instructions": self.instructions,
            "prompt": self.prompt,
            "model": self.model,
            "so_far": self.so_far,
            "go_on": self.continuation_prompt,
        }
        return hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class ModelAnswer:
    """An answer; one that is not whole was cut at the model's length limit and can be continued."""

    text: str
    model: str
    usage: TokenUsage
    reference: str
    is_whole: bool = True


class LanguageModel(Protocol):
    """A provider of text. `is_demo` marks the simulator, whose text is labelled everywhere.

    `settle_seconds` is how long it may take the provider to show a send that it has accepted. It and the class are read anew
    for each call, since a server may turn out to store less than it should.
    """

    provider: str
    model: str
    is_demo: bool

    @property
    def provider_class(self) -> ProviderClass:
        """Which look-up the provider offers for a call that is sent now."""
        ...

    @property
    def settle_seconds(self) -> float:
        """How long it may take the provider to show a send that it has accepted."""
        ...

    def prepare(self, call: ModelCall, on_text: TextSink) -> RemoteEffect[ModelAnswer]:
        """Make the effect of this call; `on_text` gets the whole text so far, as it grows."""
        ...

    async def cancel(self, reference: str) -> None:
        """Stop an accepted call; for an ended or unknown one, do nothing."""
        ...

    async def find_all(self, send: EarlierSend) -> list[str]:
        """Every answer that the provider shows for this send's key or handle."""
        ...
