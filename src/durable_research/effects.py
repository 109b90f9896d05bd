"""The one function that every paid or visible effect goes through: intent, reconcile, fence, send, settle.

It takes ports and knows no vendor. The rules are in `domain/effects.py`, one attempt's moves in `sending.py`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel

from durable_research.domain.effects import WITHDRAWN, Effect
from durable_research.domain.model_errors import AnswerLost, ModelForgotten
from durable_research.domain.progress import EventKind
from durable_research.failpoints import Place
from durable_research.ports.ledger import Effects
from durable_research.ports.progress import CurrentAttempt, ProgressLog
from durable_research.ports.remote import RemoteEffect
from durable_research.sending import Try

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
        reattach: bool = True,
    ) -> None:
        self._ledger = ledger
        self._progress = progress
        self.current_attempt = current_attempt
        self._cancel_is_wanted = cancel_is_wanted
        self._reattach = reattach

    async def perform(
        self,
        effect: Effect,
        prepare: Callable[[Mapping[str, Any]], RemoteEffect[Answer]],
        keep: Callable[[Answer], Awaitable[Kept]],
        kept: type[Kept],
    ) -> Kept:
        """Have the effect happen once and return what was kept of its answer, from this attempt or an earlier one.

        `prepare` makes the act from what the first claim froze. `keep` stores the answer and returns the small value that
        the ledger and the history hold; it may run again.

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
        attempt = replace(current, number=record.fence)
        try_ = Try(effect, prepare(record.frozen), attempt, record, self._ledger, self._cancel_is_wanted)
        reference, is_taken_up = await try_.reference(reattach=self._reattach)
        if is_taken_up and current.is_logged:
            await self._progress.note(attempt, EventKind.ATTEMPT_REATTACHED, {"worker": attempt.worker})
        try:
            answer = await try_.collect(reference)
        except (AnswerLost, ModelForgotten):
            reference = await try_.send_without_the_lost(reference)
            answer = await try_.collect(reference)
        await try_.pass_by(Place.ANSWERED)
        value = await try_.outlast(lambda: keep(answer))
        await try_.pass_by(Place.STORED)
        kept_as = value.model_dump(mode="json")
        await try_.outlast(lambda: self._ledger.settle(effect.key, attempt.number, reference, kept_as))
        await try_.pass_by(Place.SETTLED)
        return value

    async def withdraw(self, effect: Effect, prepare: Callable[[Mapping[str, Any]], RemoteEffect[Answer]]) -> None:
        """Take back what the effect did, wherever it stands, and let no attempt do it any more; a repeat changes nothing.

        Raises:
            StepFailed: the provider did not take it back, or could not be asked.
            StillRunning: the provider may yet show an earlier send.
        """
        attempt = replace(self.current_attempt(), number=WITHDRAWN)
        record = await self._ledger.claim(effect, attempt.number)
        try_ = Try(effect, prepare(record.frozen), attempt, record, self._ledger, self._cancel_is_wanted)
        # Those that we know first: a search for the others must not find them.
        for send in sorted(record.sends, key=lambda send: send.reference is None):
            await try_.withdraw(send)
