"""The one function that every paid or visible effect goes through: intent, reconcile, fence, send, settle.

It takes ports and knows no vendor. The rules are in `domain/effects.py`; the crash points are the failpoints passed by the
caller, in the order in which they stand here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from durable_research import failpoints
from durable_research.domain.effects import Effect, Move, SendState, next_move
from durable_research.domain.errors import (
    Ambiguous,
    EmptyOutput,
    GenerationFailed,
    InfrastructureDown,
    ModelDeclined,
    ModelForgotten,
    ModelTruncated,
    StepFailed,
    Unconfirmed,
)
from durable_research.domain.progress import Attempt, EventKind
from durable_research.ports.ledger import Effects
from durable_research.ports.progress import CurrentAttempt, ProgressLog
from durable_research.ports.remote import RemoteEffect
from durable_research.temporal import policies

Answer = TypeVar("Answer")
Kept = TypeVar("Kept", bound=BaseModel)


@dataclass(frozen=True)
class Points:
    """The failpoints of one kind of effect, in order."""

    intent: str
    sent: str
    answered: str | None = None
    settled: str | None = None


class EffectRunner:
    """Runs effects for the attempt that is current in this activity."""

    def __init__(
        self,
        ledger: Effects,
        progress: ProgressLog,
        current_attempt: CurrentAttempt,
        cancel_is_wanted: Callable[[], bool],
        *,
        reattach: bool = True,
    ) -> None:
        self._ledger = ledger
        self._progress = progress
        self._current_attempt = current_attempt
        self._cancel_is_wanted = cancel_is_wanted
        self._reattach = reattach

    async def perform(
        self,
        effect: Effect,
        prepare: Callable[[Mapping[str, Any]], RemoteEffect[Answer]],
        keep: Callable[[Answer], Awaitable[Kept]],
        kept: type[Kept],
        points: Points,
    ) -> Kept:
        """Have the effect happen once and return what was kept of its answer, from this attempt or an earlier one.

        `prepare` makes the act from what the first claim froze. `keep` stores the answer and returns the small value that
        the ledger and the history hold; it may run again.

        Raises:
            StepFailed: the provider answered with a failure.
            Unconfirmed: an earlier send is unresolved and the cap on re-sends is used up.
            StaleAttempt: a newer attempt holds the step.
        """
        attempt = self._current_attempt()
        record = await self._ledger.claim(effect, attempt.number)
        move = next_move(record, effect.provider_class)
        if move.move is Move.RETURN_RESULT:
            return kept.model_validate(record.result)
        if move.move is Move.GIVE_UP:
            raise Unconfirmed(
                f"{effect.provider} may have accepted an earlier send and cannot be asked; not sent again"
            )
        remote = prepare(record.frozen)
        reference = move.reference
        if reference and not self._reattach:
            await self._ledger.close_send(effect.key, reference, attempt.number, SendState.UNKNOWN)
            reference = None
        if reference is None:
            again = move.move is not Move.SEND
            reference = await self._send(effect, remote, attempt, points, possible_extra=again)
        else:
            await self._progress.note(attempt, EventKind.ATTEMPT_REATTACHED, {"worker": attempt.worker})
        answer = await self._collect(effect, remote, attempt, reference)
        if points.answered:
            await failpoints.reach(points.answered)
        value = await keep(answer)
        await self._ledger.settle(effect.key, attempt.number, reference, value.model_dump(mode="json"))
        if points.settled:
            await failpoints.reach(points.settled)
        return value

    async def _send(
        self, effect: Effect, remote: RemoteEffect[Any], attempt: Attempt, points: Points, *, possible_extra: bool
    ) -> str:
        await self._ledger.open_send(effect, attempt.number, possible_extra=possible_extra)
        await failpoints.reach(points.intent)
        await self._ledger.check_fence(effect.key, attempt.number)
        sending = asyncio.create_task(self._send_and_remember(effect, remote, attempt))
        try:
            reference = await asyncio.shield(sending)
        except asyncio.CancelledError:
            await asyncio.wait([sending], timeout=policies.LAST_WORD.total_seconds())
            sending.cancel()
            if sending.done() and not sending.cancelled() and sending.exception() is None:
                await self._stop_spending(effect, remote, attempt, sending.result())
            raise
        await failpoints.reach(points.sent)
        return reference

    async def _send_and_remember(self, effect: Effect, remote: RemoteEffect[Any], attempt: Attempt) -> str:
        try:
            reference = await remote.send(effect.key, None)
        except Ambiguous:
            raise  # the send stays open: the next attempt decides by the provider's class
        except StepFailed:
            await self._ledger.close_send(effect.key, None, attempt.number, SendState.REFUSED)
            raise
        await self._remember(effect, attempt, reference)
        return reference

    async def _remember(self, effect: Effect, attempt: Attempt, reference: str) -> None:
        """Commit the provider's id. Nobody else knows it, so a database that is away is waited for while we live."""
        while True:
            try:
                await self._ledger.remember_reference(effect.key, attempt.number, reference)
            except InfrastructureDown:
                await asyncio.sleep(policies.INFRASTRUCTURE_WAIT.total_seconds())
            else:
                return

    async def _collect(self, effect: Effect, remote: RemoteEffect[Answer], attempt: Attempt, reference: str) -> Answer:
        try:
            return await remote.collect(reference)
        except asyncio.CancelledError:
            await self._stop_spending(effect, remote, attempt, reference)
            raise
        except (EmptyOutput, ModelDeclined, ModelForgotten, ModelTruncated):
            await self._ledger.close_send(effect.key, reference, attempt.number, SendState.SPENT)
            raise
        except GenerationFailed:
            await self._ledger.close_send(effect.key, reference, attempt.number, SendState.REFUSED)
            raise
        # Any other error is one of asking, not of the call: it stays open, and the next attempt takes it up by its id.

    async def _stop_spending(self, effect: Effect, remote: RemoteEffect[Any], attempt: Attempt, reference: str) -> None:
        """Cancel at the provider when a person wants it; a worker that only drains leaves the call running."""
        if not self._cancel_is_wanted():
            return

        async def stop() -> None:
            async with asyncio.timeout(policies.STOP_CALL.total_seconds()):
                await remote.cancel(reference)
            await self._ledger.close_send(effect.key, reference, attempt.number, SendState.SPENT)

        stopping = asyncio.create_task(stop())
        await asyncio.wait([stopping])
        if not stopping.cancelled():
            stopping.exception()  # seen: a stop that failed leaves a call that ends by itself
