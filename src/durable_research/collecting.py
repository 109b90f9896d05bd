"""What an attempt does with a send that the provider has accepted: take it up, wait for its answer, or stop it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from durable_research.domain.effects import Effect, EffectRecord, ProviderClass, SendFailure, SendState
from durable_research.domain.errors import Ambiguous, InfrastructureDown, StillRunning
from durable_research.domain.model_errors import (
    AnswerBroken,
    EmptyOutput,
    GenerationFailed,
    ModelDeclined,
    ModelStopped,
    OnlyReasoning,
    ProviderSilent,
)
from durable_research.domain.progress import Attempt
from durable_research.ports.ledger import Effects
from durable_research.ports.remote import RemoteEffect
from durable_research.temporal import policies

Answer = TypeVar("Answer")
Written = TypeVar("Written")

# An answer came and is charged, but there is nothing to settle.
_CHARGED_IN_VAIN = (ModelDeclined, ModelStopped, OnlyReasoning, AnswerBroken)


@dataclass
class Collector(Generic[Answer]):
    """One attempt at one effect that it has claimed, as `record` says."""

    effect: Effect
    remote: RemoteEffect[Answer]
    attempt: Attempt
    record: EffectRecord
    ledger: Effects
    cancel_is_wanted: Callable[[], bool]
    longest_call: float
    _claimed_at: float = field(default_factory=lambda: asyncio.get_running_loop().time(), init=False)

    async def outlast(self, write: Callable[[], Awaitable[Written]]) -> Written:
        """Keep what was paid for, waiting for our own store and database while we live.

        Where nobody can be asked, an attempt that gives up here has lost the answer.
        """
        while True:
            try:
                return await write()
            except InfrastructureDown as away:
                try:
                    await asyncio.sleep(policies.INFRASTRUCTURE_WAIT.total_seconds())
                except asyncio.CancelledError:
                    if self.cancel_is_wanted():
                        raise
                    raise away from None  # our patience ended, not the provider's time: it must not count as a failure

    async def take_up(self, reference: str) -> None:
        """Make sure that an accepted send of an earlier attempt can be collected by this one."""
        try:
            await self.remote.take_up(reference)
        except asyncio.CancelledError:
            await self.stop_spending(reference)
            raise

    async def collect(self, reference: str) -> Answer:
        """Wait for the answer; what the failure says about the charge is kept."""
        try:
            return await self.remote.collect(reference)
        except asyncio.CancelledError:
            await self.stop_spending(reference)
            raise
        except EmptyOutput as error:
            await self._close(reference, SendState.SPENT)
            spent = 1 + sum(send.state is SendState.SPENT for send in self.record.sends)
            error.permanent = spent > policies.EMPTY_ANSWERS_BOUGHT_AGAIN
            raise
        except _CHARGED_IN_VAIN:
            await self._close(reference, SendState.SPENT)
            raise
        except GenerationFailed:
            await self._close(reference, SendState.REFUSED)
            raise
        except (Ambiguous, StillRunning) as error:
            # Its id is known: it stays open, and the next attempt takes it up or, in class N, sends again.
            await self._judge_unfinished(reference, error)
            raise
        # Any other error is one of asking, not of the call: it stays open, too.

    async def _close(self, reference: str, state: SendState) -> None:
        await self.ledger.close_send(self.effect.key, reference, self.attempt.number, state)

    async def _judge_unfinished(self, reference: str, error: Ambiguous | StillRunning) -> None:
        """An accepted call is asked about until the provider says how it ended, or until it runs for longer than any may.

        Raises:
            StillRunning: it is to be asked about again.
            ProviderSilent: it has run for too long.
        """
        if self.effect.provider_class is ProviderClass.NOTHING:
            lost = SendFailure(error.code, error.detail)
            fence = next((one.fence for one in self.record.sends if one.reference == reference), self.attempt.number)
            await self.outlast(lambda: self.ledger.note_lost(self.effect.key, fence, lost))
            return
        age = asyncio.get_running_loop().time() - self._claimed_at
        age += next((one.age_seconds for one in self.record.sends if one.reference == reference), 0.0)
        if age > self.longest_call:
            raise ProviderSilent(f"the call still runs after {age:.0f} s ({error.detail})") from error
        if isinstance(error, Ambiguous):
            raise StillRunning(f"the accepted call is asked about again ({error.detail})") from error

    async def stop_spending(self, reference: str) -> None:
        """Cancel at the provider when a person wants it; a worker that only drains leaves the call running."""
        if self.cancel_is_wanted():
            await self.stop(reference)

    async def stop(self, reference: str) -> None:
        async def stop() -> None:
            async with asyncio.timeout(policies.STOP_CALL.total_seconds()):
                await self.remote.cancel(reference)
            await self.ledger.close_send(self.effect.key, reference, self.attempt.number, SendState.SPENT)

        stopping = asyncio.create_task(stop())
        await asyncio.wait([stopping])
        if not stopping.cancelled():
            stopping.exception()  # seen: a stop that failed leaves a call that ends by itself
