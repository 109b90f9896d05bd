"""A send that the provider has accepted: re-attach to it, wait for its answer, or cancel it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from durable_research import policies
from durable_research.domain.documents.text import has_visible_text
from durable_research.domain.errors import Ambiguous, InfrastructureDown, ResearchError, StillRunning
from durable_research.domain.ledger.effects import (
    Effect,
    EffectRecord,
    ProviderClass,
    SendFailure,
    SendState,
    was_empty,
)
from durable_research.domain.model_errors import (
    AnswerBroken,
    EmptyOutput,
    GenerationFailed,
    ModelDeclined,
    ModelError,
    ModelStopped,
    OnlyReasoning,
    ProviderSilent,
)
from durable_research.domain.workflows.progress import Attempt
from durable_research.ports.database.ledger import EffectLedger
from durable_research.ports.vendors.remote import RemoteEffect
from durable_research.telemetry.meter import Meter
from durable_research.telemetry.metrics import EFFECTS
from durable_research.telemetry.outcomes import EffectOutcome

Answer = TypeVar("Answer")
Written = TypeVar("Written")
Salvage = Callable[[str], Awaitable[Mapping[str, Any]]]

# An answer came and is charged, but there is nothing to settle.
_CHARGED_WITHOUT_RESULT = (EmptyOutput, ModelDeclined, ModelStopped, OnlyReasoning, AnswerBroken)


@dataclass
class Collector(Generic[Answer]):
    """One attempt at an effect that it has claimed; `record` is the ledger's record of that.

    `salvage` stores the text of an answer that is not published, and returns what the ledger stores of that.
    """

    effect: Effect
    remote: RemoteEffect[Answer]
    attempt: Attempt
    record: EffectRecord
    ledger: EffectLedger
    cancel_is_requested: Callable[[], bool]
    longest_call: float
    meter: Meter
    salvage: Salvage | None = field(default=None, init=False)
    has_sent: bool = field(default=False, init=False)
    _claimed_at: float = field(default_factory=lambda: asyncio.get_running_loop().time(), init=False)

    def measure(self, outcome: EffectOutcome) -> None:
        """Count what became of a send."""
        labels = {"kind": self.effect.kind, "provider_class": self.effect.provider_class}
        self.meter.count(EFFECTS, **labels, outcome=outcome)

    async def retry_through_outage(self, write: Callable[[], Awaitable[Written]]) -> Written:
        """Write the paid answer, retrying through an outage of our own object store or database.

        Where the provider has no look-up, an attempt that gives up here loses the answer.
        """
        while True:
            try:
                return await write()
            except InfrastructureDown as outage:
                try:
                    await asyncio.sleep(policies.INFRASTRUCTURE_WAIT.total_seconds())
                except asyncio.CancelledError:
                    if self.cancel_is_requested():
                        raise
                    raise outage from None  # our outage ended the step, not the provider: it must not count as a failure

    async def reattach_to(self, reference: str) -> None:
        """Make sure that this attempt can collect an accepted send of an earlier one."""
        try:
            await self.remote.reattach_to(reference)
        except asyncio.CancelledError:
            await self.stop_if_requested(reference)
            raise

    async def collect(self, reference: str) -> Answer:
        """Wait for the answer; after a failure, write into the ledger whether the call was charged."""
        try:
            return await self.remote.collect(reference)
        except asyncio.CancelledError:
            await self.stop_if_requested(reference)
            raise
        except _CHARGED_WITHOUT_RESULT as error:
            await self._close_charged(reference, error)
            raise
        except GenerationFailed:
            await self._close(reference, SendState.REFUSED)
            self.measure(EffectOutcome.REFUSED)
            raise
        except (Ambiguous, StillRunning) as error:
            # Its id is stored: it stays open, and the next attempt re-attaches to it or, in class N, sends again.
            await self._check_unfinished(reference, error)
            raise
        # Any other error is one of the request, not of the call: it stays open, too.

    async def _close_charged(self, reference: str, error: ModelError) -> None:
        """Store the text of a charged answer and the error before its send is closed: a worker may die in between."""
        if isinstance(error, ModelStopped) and self.salvage and has_visible_text(error.text):
            salvage, text = self.salvage, error.text
            stored = await self.retry_through_outage(lambda: salvage(text))
            await self.retry_through_outage(
                lambda: self.ledger.store_unpublished(self.effect.key, self.attempt.number, stored)
            )
        if isinstance(error, EmptyOutput):
            empty = 1 + sum(was_empty(send) for send in self.record.sends)
            error.permanent = empty > self.effect.empty_allowed
        await self._note_lost(reference, error)
        await self._close(reference, SendState.SPENT)
        self.measure(EffectOutcome.SPENT)

    async def _close(self, reference: str, state: SendState) -> None:
        key, number = self.effect.key, self.attempt.number
        await self.retry_through_outage(lambda: self.ledger.close_send(key, reference, number, state))

    async def _note_lost(self, reference: str, error: ResearchError) -> None:
        earlier = (one.fence for one in self.record.sends if one.reference == reference)
        # Some servers repeat ids, so this attempt's own send is identified by its number.
        fence = self.attempt.number if self.has_sent else next(earlier, self.attempt.number)
        lost = SendFailure(error.code, error.detail)
        await self.retry_through_outage(lambda: self.ledger.note_lost(self.effect.key, fence, lost))

    async def _check_unfinished(self, reference: str, error: Ambiguous | StillRunning) -> None:
        """Decide whether an accepted call is polled again: until the provider reports its end, or it exceeds the longest time.

        Raises:
            StillRunning: poll it again.
            ProviderSilent: it has run for too long.
        """
        if self.effect.provider_class is ProviderClass.NOTHING:
            await self._note_lost(reference, error)
            return
        age = asyncio.get_running_loop().time() - self._claimed_at
        age += next((one.age_seconds for one in self.record.sends if one.reference == reference), 0.0)
        if age > self.longest_call:
            raise ProviderSilent(f"the call still runs after {age:.0f} s ({error.detail})") from error
        if isinstance(error, Ambiguous):
            raise StillRunning(f"the accepted call is asked about again ({error.detail})") from error

    async def stop_if_requested(self, reference: str) -> None:
        """Cancel at the provider when a person requests it; a worker that only drains leaves the call running."""
        if self.cancel_is_requested():
            await self.stop(reference)

    async def stop(self, reference: str) -> None:
        async def stop() -> None:
            async with asyncio.timeout(policies.STOP_CALL.total_seconds()):
                await self.remote.cancel(reference)
            await self.ledger.close_send(self.effect.key, reference, self.attempt.number, SendState.SPENT)

        stopping = asyncio.create_task(stop())
        await asyncio.wait([stopping])
        if not stopping.cancelled():
            stopping.exception()  # retrieved on purpose: after a failed stop the call ends by itself
