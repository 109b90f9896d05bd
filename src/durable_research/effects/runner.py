"""The one function that every paid or visible effect goes through: intent, reconcile, fence, send, settle.

It takes ports and knows no vendor. The rules are in `domain/ledger/effects.py`, one attempt's moves in `effects/attempt.py`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel

from durable_research import policies
from durable_research.domain.ledger.effects import WITHDRAWN, Effect, EffectRecord
from durable_research.domain.model_errors import AnswerLost, ModelForgotten
from durable_research.domain.workflows.progress import Attempt, EventKind
from durable_research.effects.accepted_send import Salvage
from durable_research.effects.attempt import Try
from durable_research.failpoints.reach import Place
from durable_research.ports.database.ledger import Effects
from durable_research.ports.database.progress import CurrentAttempt, ProgressLog
from durable_research.ports.vendors.remote import RemoteEffect

Answer = TypeVar("Answer")
Kept = TypeVar("Kept", bound=BaseModel)


class EffectRunner:
    """Runs effects for the attempt that is current in this activity."""

    def __init__(
        self,
        ledger: Effects,
        progress: ProgressLog,
        current_attempt: CurrentAttempt,
        cancel_is_wanted: Callable[[], bool],
        *,
        longest_call: float = policies.CALL_DEADLINES.longest,
        reattach: bool = True,
    ) -> None:
        self._ledger = ledger
        self._progress = progress
        self.current_attempt = current_attempt
        self._cancel_is_wanted = cancel_is_wanted
        self._longest_call = longest_call
        self._reattach = reattach

    async def perform(
        self,
        effect: Effect,
        prepare: Callable[[Mapping[str, Any]], RemoteEffect[Answer]],
        keep: Callable[[Answer], Awaitable[Kept]],
        kept: type[Kept],
        salvage: Salvage | None = None,
    ) -> Kept:
        """Have the effect happen once and return what was kept of its answer, from this attempt or an earlier one.

        `prepare` makes the act from what the first claim froze. `keep` stores the answer and returns the small value that
        the ledger and the history hold; it may run again. `salvage` stores the text of an answer that is not published, and
        returns what the ledger keeps of that.

        Raises:
            StepFailed: the provider answered with a failure.
            StillRunning: the provider is at work on an earlier send, or may yet show it.
            Unconfirmed, DecisionNeeded: an earlier send is unresolved, nobody can be asked, and the cap is used up.
            StaleAttempt: a newer attempt holds the step.
        """
        current = self.current_attempt()
        record = await self._ledger.claim(effect, current.number)
        if record.result is not None:
            return kept.model_validate(record.result)
        try_ = self._try(effect, prepare(record.frozen), current, record)
        try_.salvage = salvage
        reference = await self._accepted(try_, current)
        reference, answer = await self._answered(try_, reference)
        await try_.pass_by(Place.ANSWERED)
        value = await try_.outlast(lambda: keep(answer))
        await try_.pass_by(Place.STORED)
        result = value.model_dump(mode="json")
        await try_.outlast(lambda: self._ledger.settle(effect.key, record.fence, reference, result))
        await try_.pass_by(Place.SETTLED)
        return value

    async def _accepted(self, try_: Try[Answer], current: Attempt) -> str:
        """The provider's id of a send that it has accepted and that this attempt can collect."""
        reference, is_taken_up = await try_.reference(reattach=self._reattach)
        if is_taken_up:
            try:
                await try_.take_up(reference)
            except (AnswerLost, ModelForgotten):
                reference = await try_.send_without_the_lost(reference)
            else:
                await self._note(current, try_.attempt, EventKind.ATTEMPT_REATTACHED, {"worker": current.worker})
        if current.is_waiting:
            await self._note(current, try_.attempt, EventKind.PROVIDER_ANSWERED, {})
        return reference

    @staticmethod
    async def _answered(try_: Try[Answer], reference: str) -> tuple[str, Answer]:
        try:
            return reference, await try_.collect(reference)
        except (AnswerLost, ModelForgotten):
            reference = await try_.send_without_the_lost(reference)
            return reference, await try_.collect(reference)

    def _try(self, effect: Effect, remote: RemoteEffect[Answer], current: Attempt, record: EffectRecord) -> Try[Answer]:
        attempt = replace(current, number=record.fence)

        async def sent_again() -> None:
            charges = {"possible_extra": record.possible_extra + 1}
            await self._note(current, attempt, EventKind.CALL_SENT_AGAIN, charges)

        return Try(
            effect, remote, attempt, record, self._ledger, self._cancel_is_wanted, self._longest_call, sent_again
        )

    async def _note(self, current: Attempt, attempt: Attempt, kind: EventKind, data: Mapping[str, Any]) -> None:
        if current.is_logged:
            await self._progress.note(attempt, kind, data)

    async def withdraw(self, effect: Effect, prepare: Callable[[Mapping[str, Any]], RemoteEffect[Answer]]) -> None:
        """Take back what the effect did, wherever it stands, and let no attempt do it any more; a repeat changes nothing.

        Raises:
            StepFailed: the provider did not take it back, or could not be asked.
            StillRunning: the provider may yet show an earlier send.
        """
        record = await self._ledger.claim(effect, WITHDRAWN)
        try_ = self._try(effect, prepare(record.frozen), self.current_attempt(), record)
        # Those that we know first: a search for the others must not find them.
        for send in sorted(record.sends, key=lambda send: send.reference is None):
            await try_.withdraw(send)
