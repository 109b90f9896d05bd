"""The effect protocol, through which every paid or visible effect goes: intent, reconcile, fence, send, settle.

It uses ports and no vendor. The rules are in `domain/ledger/effects.py`, one send attempt in `effects/attempt.py`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from durable_research import policies
from durable_research.domain.ledger.effects import WITHDRAWN, Effect, EffectRecord
from durable_research.domain.model_errors import AnswerLost, ModelForgotten
from durable_research.domain.workflows.events import EventKind, OfWorker, Payload, SentAgain
from durable_research.domain.workflows.progress import Attempt
from durable_research.effects.accepted_send import Salvage
from durable_research.effects.attempt import SendAttempt
from durable_research.effects.traced import TracedRemote
from durable_research.failpoints.reach import Place
from durable_research.ports.database.ledger import EffectLedger
from durable_research.ports.database.progress import AttemptNotes, CurrentAttempt
from durable_research.ports.vendors.remote import RemoteEffect
from durable_research.telemetry.meter import NO_METER, Meter
from durable_research.telemetry.outcomes import EffectOutcome

Answer = TypeVar("Answer")
Stored = TypeVar("Stored", bound=BaseModel)


class Performer(Protocol):
    """The part of the runner for effects that are never compensated."""

    async def perform(
        self,
        effect: Effect,
        prepare: Callable[[Mapping[str, Any]], RemoteEffect[Answer]],
        store: Callable[[Answer], Awaitable[Stored]],
        stored: type[Stored],
        salvage: Salvage | None = None,
    ) -> Stored:
        """As `EffectRunner.perform`."""
        ...


class EffectRunner:
    """Runs effects for the attempt that is current in this activity."""

    def __init__(
        self,
        ledger: EffectLedger,
        notes: AttemptNotes,
        current_attempt: CurrentAttempt,
        cancel_is_requested: Callable[[], bool],
        *,
        longest_call: float = policies.CALL_DEADLINES.longest,
        reattach: bool = True,
        meter: Meter = NO_METER,
    ) -> None:
        self._ledger = ledger
        self._notes = notes
        self.current_attempt = current_attempt
        self._cancel_is_requested = cancel_is_requested
        self._longest_call = longest_call
        self._reattach = reattach
        self._meter = meter

    async def perform(
        self,
        effect: Effect,
        prepare: Callable[[Mapping[str, Any]], RemoteEffect[Answer]],
        store: Callable[[Answer], Awaitable[Stored]],
        stored: type[Stored],
        salvage: Salvage | None = None,
    ) -> Stored:
        """Apply the effect once and return the stored result, of this attempt or an earlier one.

        `prepare` makes the request from the values that the first claim froze. `store` stores the answer and returns the small
        value that the ledger and the Event History hold; it may run again. `salvage` stores the text of an answer that is
        not published, and returns what the ledger holds of that.

        Raises:
            StepFailed: the provider answered with a failure.
            StillRunning: the provider still runs an earlier send, or may show it later.
            Unconfirmed, DecisionNeeded: an earlier send is unresolved, the provider has no look-up, and the cap is used up.
            StaleAttempt: a newer attempt holds the step.
        """
        current = self.current_attempt()
        record = await self._ledger.claim(effect, current.number)
        if record.result is not None:
            return stored.model_validate(record.result)
        send_attempt = self._try(effect, prepare(record.frozen), current, record)
        send_attempt.salvage = salvage
        reference = await self._accepted(send_attempt, current)
        reference, answer = await self._answered(send_attempt, reference)
        await send_attempt.reach(Place.ANSWERED)
        value = await send_attempt.retry_through_outage(lambda: store(answer))
        await send_attempt.reach(Place.STORED)
        result = value.model_dump(mode="json")
        await send_attempt.retry_through_outage(
            lambda: self._ledger.settle(effect.key, record.fence, reference, result)
        )
        send_attempt.measure(EffectOutcome.SETTLED)
        await send_attempt.reach(Place.SETTLED)
        return value

    async def _accepted(self, send_attempt: SendAttempt[Answer], current: Attempt) -> str:
        """The provider's id of a send that it has accepted and that this attempt can collect."""
        reference, is_reattached = await send_attempt.reference(reattach=self._reattach)
        if is_reattached:
            try:
                await send_attempt.reattach_to(reference)
            except (AnswerLost, ModelForgotten):
                reference = await send_attempt.replace_lost_send(reference)
            else:
                send_attempt.measure(EffectOutcome.REATTACHED)
                await self._note(
                    current,
                    send_attempt.attempt,
                    EventKind.ATTEMPT_REATTACHED,
                    OfWorker(worker=current.worker),
                )
        if current.is_waiting:
            await self._note(current, send_attempt.attempt, EventKind.PROVIDER_ANSWERED, Payload())
        return reference

    @staticmethod
    async def _answered(send_attempt: SendAttempt[Answer], reference: str) -> tuple[str, Answer]:
        try:
            return reference, await send_attempt.collect(reference)
        except (AnswerLost, ModelForgotten):
            reference = await send_attempt.replace_lost_send(reference)
            return reference, await send_attempt.collect(reference)

    def _try(
        self, effect: Effect, remote: RemoteEffect[Answer], current: Attempt, record: EffectRecord
    ) -> SendAttempt[Answer]:
        attempt = replace(current, number=record.fence)

        async def sent_again() -> None:
            charges = SentAgain(possible_extra=record.possible_extra + 1)
            await self._note(current, attempt, EventKind.CALL_SENT_AGAIN, charges)

        return SendAttempt(
            effect,
            TracedRemote(remote, effect),
            attempt,
            record,
            self._ledger,
            self._cancel_is_requested,
            self._longest_call,
            self._meter,
            sent_again,
        )

    async def _note(self, current: Attempt, attempt: Attempt, kind: EventKind, payload: Payload) -> None:
        if current.is_logged:
            await self._notes.note(attempt, kind, payload)

    async def withdraw(self, effect: Effect, prepare: Callable[[Mapping[str, Any]], RemoteEffect[Answer]]) -> None:
        """Undo the effect in any state, and fence out all later attempts; a repeat changes nothing.

        Raises:
            StepFailed: the provider did not undo it, or could not be reached.
            StillRunning: the provider may show an earlier send later.
        """
        record = await self._ledger.claim(effect, WITHDRAWN)
        send_attempt = self._try(effect, prepare(record.frozen), self.current_attempt(), record)
        # Sends with a stored id first: the look-up of the others must not find them.
        for send in sorted(record.sends, key=lambda send: send.reference is None):
            await send_attempt.withdraw(send)
