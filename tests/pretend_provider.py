"""A provider in memory, one for each class: it charges, answers lookups as its class does, and is the ledger's reference."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from durable_research.domain.errors import StillRunning
from durable_research.domain.ledger.effects import ProviderClass
from durable_research.domain.model_errors import AnswerLost, ModelForgotten, ModelRefused
from durable_research.ports.vendors.remote import EarlierSend, RemoteEffect

Gate = Callable[[str], Awaitable[None]]


async def no_gate(place: str) -> None:
    """Let everything pass."""


@dataclass
class Call:
    """One charged call."""

    reference: str
    key: str
    handle: str | None
    accepted_at: float
    is_running: bool


@dataclass
class PretendProvider:
    """`lag_seconds` is how long an accepted call cannot be searched; calls on a conversation run until they are finished."""

    provider_class: ProviderClass
    lag_seconds: float = 0.0
    calls_run_on: bool = False
    calls: list[Call] = field(default_factory=list)
    handles: int = 0
    failures: list[Exception] = field(default_factory=list)  # of the next sends
    answers: list[Exception] = field(default_factory=list)  # to the next polls of an accepted call
    deleted: set[str] = field(default_factory=set)  # handles that the provider has forgotten

    def finish(self) -> None:
        """End the running calls."""
        for call in self.calls:
            call.is_running = False

    def charges(self, key: str) -> int:
        return sum(call.key == key for call in self.calls)

    def accept(self, key: str, handle: str | None) -> str:
        if self.failures:
            raise self.failures.pop(0)
        if self.provider_class is ProviderClass.KEYED:
            for call in self.calls:
                if call.key == key:
                    return call.reference
        if handle in self.deleted:
            raise ModelRefused("no such handle")
        if handle and any(call.is_running for call in self.calls if call.handle == handle):
            raise StillRunning("locked")
        call = Call(self.name(), key, handle, time.monotonic(), self.calls_run_on)
        self.calls.append(call)
        return call.reference

    def name(self) -> str:
        return f"call_{len(self.calls) + 1}"

    def shown(self, send: EarlierSend) -> list[str]:
        if self.provider_class is ProviderClass.LOCKED:
            return [call.reference for call in self.calls if call.handle == send.handle and not call.is_running]
        visible = time.monotonic() - self.lag_seconds
        return [call.reference for call in self.calls if call.key == send.key and call.accepted_at <= visible]

    def act(self, gate: Gate = no_gate) -> "PretendAct":
        return PretendAct(self, gate)


class PretendAct(RemoteEffect[str]):
    """One act, stopped at the two gates around its acceptance."""

    def __init__(self, provider: PretendProvider, gate: Gate) -> None:
        self._provider = provider
        self._gate = gate
        self._mine: str | None = None

    async def handle(self, key: str) -> str | None:
        if self._provider.provider_class is not ProviderClass.LOCKED:
            return None
        self._provider.handles += 1
        return f"conv_{self._provider.handles}"

    async def send(self, key: str, handle: str | None) -> str:
        await self._gate("leaving")
        reference = self._provider.accept(key, handle)
        await self._gate("answering")
        self._mine = reference
        return reference

    async def find(self, send: EarlierSend) -> str | None:
        await asyncio.sleep(0)
        if send.handle in self._provider.deleted:
            raise ModelForgotten("no such handle")
        if any(call.is_running for call in self._provider.calls if send.handle and call.handle == send.handle):
            raise StillRunning("running")
        shown = self._provider.shown(send)
        return shown[0] if shown else None

    async def reattach_to(self, reference: str) -> None:
        if self._provider.provider_class is ProviderClass.NOTHING and reference != self._mine:
            raise AnswerLost("only the attempt that sent can read it")

    async def collect(self, reference: str) -> str:
        if self._provider.answers:
            raise self._provider.answers.pop(0)
        await self.reattach_to(reference)
        call = next(call for call in self._provider.calls if call.reference == reference)
        call.is_running = False
        return f"answer of {reference}"
