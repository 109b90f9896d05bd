"""One send attempt at one effect: it looks up earlier sends, decides whether to send, and stores the result.

Its failpoints come in the order of `failpoints.reach.Place`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from durable_research import policies
from durable_research.domain.errors import (
    Ambiguous,
    DecisionNeeded,
    InfrastructureDown,
    StaleAttempt,
    StepFailed,
    StillRunning,
    Unconfirmed,
)
from durable_research.domain.ledger.effects import (
    FINAL_ANSWERS,
    SERVER_ERRORS_ALLOWED,
    UNRESOLVED,
    Move,
    ProviderClass,
    ResendPolicy,
    Send,
    SendFailure,
    SendState,
    handle_to_reuse,
    is_answered,
    move_without_look_up,
    next_move,
    seconds_until_settled,
)
from durable_research.domain.model_errors import (
    CannotAsk,
    ModelForgotten,
    ProviderFailed,
    ProviderSilent,
)
from durable_research.effects.accepted_send import Collector
from durable_research.failpoints.reach import Place, reach_effect
from durable_research.ports.vendors.remote import EarlierSend
from durable_research.telemetry import logs
from durable_research.telemetry.outcomes import EffectOutcome

Answer = TypeVar("Answer")


@dataclass
class SendAttempt(Collector[Answer]):
    """One send attempt at one effect; `sent_again` is called before a send that may be charged besides another."""

    sent_again: Callable[[], Awaitable[None]]
    handle_is_gone: bool = False

    async def reach(self, place: Place) -> None:
        await reach_effect(self.effect.step, place, self.effect.workflow.workflow_id)

    async def reference(self, *, reattach: bool) -> tuple[str, bool]:
        """The provider's id of an accepted send: of an earlier one (True), or of one made now."""
        move = next_move(self.record, self.effect)
        if move.move is Move.FAIL_AGAIN and move.send and move.send.failure:
            failed = FINAL_ANSWERS[move.send.failure.code](move.send.failure.detail)
            failed.permanent = True
            raise failed
        if move.send and not reattach:
            # For tests only: ignores the earlier send.
            await self.ledger.close_send(self.effect.key, None, move.send.fence, SendState.UNKNOWN)
            return await self._send(earlier=SendState.UNKNOWN), False
        match move.move:
            case Move.COLLECT if move.send and move.send.reference:
                return move.send.reference, True
            case Move.FIND if move.send:
                try:
                    found = await self._find(move.send)
                except (ModelForgotten, CannotAsk):
                    return await self._send_without_look_up(), False
                return (found, True) if found else (await self._send(earlier=SendState.ABSENT), False)
            case Move.SEND:
                return await self._send(earlier=None), False
        return await self._send_if_allowed(move.move), False

    async def replace_lost_send(self, reference: str) -> str:
        """Send again, if the policy allows it: an earlier send is charged and its answer is lost."""
        await self.ledger.close_send(self.effect.key, reference, self.attempt.number, SendState.UNKNOWN)
        return await self._send_without_look_up()

    async def _send_without_look_up(self) -> str:
        """The provider has deleted the call or its handle, or never stores one: the next send uses a handle of its own."""
        self.handle_is_gone = True
        return await self._send_if_allowed(move_without_look_up(self.record, self.effect))

    async def _send_if_allowed(self, move: Move) -> str:
        provider = self.effect.provider
        if move is Move.SEND_AGAIN:
            return await self._send(earlier=SendState.UNKNOWN)
        unresolved = [send for send in self.record.sends if send.state in UNRESOLVED]
        failure = unresolved[-1].failure if unresolved else None
        why = failure.detail if failure else "its sender died before an answer came"
        self.measure(EffectOutcome.UNRESOLVED)
        if move is Move.ASK_A_PERSON:
            raise DecisionNeeded(f"{provider} may have accepted an earlier send ({why}); a person must decide")
        raise Unconfirmed(f"{provider} may have accepted an earlier send ({why}) and cannot be asked; not sent again")

    async def withdraw(self, send: Send) -> None:
        """Withdraw one send; without a look-up at the provider, an unresolved one stays as it is."""
        if send.state is SendState.REFUSED:
            return
        can_look_up = send.handle or self.effect.provider_class is ProviderClass.RETRIEVABLE
        reference = send.reference or (await self._find(send) if can_look_up else None)
        if reference:
            await self.remote.cancel(reference)
            await self.ledger.close_send(self.effect.key, reference, send.fence, SendState.SPENT)

    async def _find(self, send: Send) -> str | None:
        """Poll for an earlier send until the provider shows it, or its eventual visibility is over and there is none."""
        earlier = EarlierSend(self.effect.key, send.handle, send.opened_at)
        loop = asyncio.get_running_loop()
        lost = replace(send, open_seconds=await self.ledger.note_lost(self.effect.key, send.fence, None))
        settled_at = loop.time() + seconds_until_settled(lost, self.effect, self.longest_call)
        poll_until = loop.time() + policies.FIND_FOR.total_seconds()
        while True:
            is_last_poll = loop.time() >= settled_at
            try:
                found = await self.remote.find(earlier)
            except StillRunning as running:
                if send.age_seconds > self.longest_call + self.effect.settle_seconds:
                    raise ProviderSilent(f"an earlier send still runs after {send.age_seconds:.0f} s") from running
                is_last_poll, settled_at = False, loop.time() + self.effect.settle_seconds
            else:
                if found:
                    await self._remember(send.fence, found)
                    return await self._recorded_reference(send) or found
            if is_last_poll:
                return None
            if loop.time() > poll_until:
                raise StillRunning(f"{self.effect.provider} has not yet shown what became of an earlier send")
            await asyncio.sleep(policies.FIND_EVERY.total_seconds())

    async def _recorded_reference(self, send: Send) -> str | None:
        """The id in the ledger. The sender may have committed another: a conversation names the same call differently."""
        record = await self.ledger.claim(self.effect, self.attempt.number)
        return next((one.reference for one in record.sends if one.fence == send.fence), None)

    async def _send(self, earlier: SendState | None) -> str:
        await self.reach(Place.BEGUN)
        earlier_handle = None if self.handle_is_gone else handle_to_reuse(self.record)
        handle = earlier_handle or await self.remote.handle(self.effect.key)
        await self.ledger.open_send(self.effect, self.attempt.number, handle, earlier=earlier)
        self.has_sent = True
        if earlier is SendState.UNKNOWN:
            self.measure(EffectOutcome.SENT_AGAIN)
            await self.sent_again()
        await self.reach(Place.INTENT)
        await self.ledger.check_fence(self.effect.key, self.attempt.number, policies.SEND_WITHIN)
        await self.reach(Place.CHECKED)
        sending = asyncio.create_task(self._send_and_remember(handle))
        failpoint = asyncio.create_task(self.reach(Place.SENDING))
        try:
            reference = await asyncio.shield(sending)
        except asyncio.CancelledError:
            await asyncio.wait([sending], timeout=policies.WAIT_FOR_CANCELLED_ID.total_seconds())
            sending.cancel()
            await asyncio.wait([sending])
            if not sending.cancelled():
                outage = sending.exception()
                if outage is None:
                    await self.stop_if_requested(sending.result())
                elif isinstance(outage, InfrastructureDown):
                    raise outage from None
            raise
        finally:
            failpoint.cancel()
        await self.reach(Place.SENT)
        return reference

    async def _send_and_remember(self, handle: str | None) -> str:
        self.measure(EffectOutcome.SENT)
        try:
            reference = await self.remote.send(self.effect.key, handle)
        except StillRunning:
            raise  # the send stays open: the next attempt decides by the provider's class
        except Ambiguous as error:  # ... and here too
            self.measure(EffectOutcome.UNKNOWN)
            lost = SendFailure(error.code, error.detail)
            await self.retry_through_outage(lambda: self.ledger.note_lost(self.effect.key, self.attempt.number, lost))
            self._set_wait(error, can_look_up=self._can_look_up(handle))
            raise
        except StepFailed:
            await self.ledger.close_send(self.effect.key, None, self.attempt.number, SendState.REFUSED)
            self.measure(EffectOutcome.REFUSED)
            raise
        await self.reach(Place.ACCEPTED)
        if await self._remember(self.attempt.number, reference):
            await self._cancel_duplicate(reference)
        return reference

    def _can_look_up(self, handle: str | None) -> bool:
        """Whether the provider can look up the outcome of a send, or deduplicates a repeated one."""
        return bool(handle) or self.effect.provider_class in {ProviderClass.KEYED, ProviderClass.RETRIEVABLE}

    def _set_wait(self, error: Ambiguous, *, can_look_up: bool) -> None:
        """Where nothing can be charged twice, the step waits as for an unreachable provider; silence counts as a failure."""
        if can_look_up:
            error.waits = not isinstance(error, ProviderSilent)
        elif isinstance(error, ProviderFailed):
            before = sum(map(is_answered, self.record.sends))
            pause = policies.SERVER_ERROR_WAIT.total_seconds() * 2**before
            is_sent_again = self.effect.resend is ResendPolicy.BOUNDED and before < SERVER_ERRORS_ALLOWED
            error.retry_after_seconds = max(pause, error.retry_after_seconds or 0.0) if is_sent_again else 0.0

    async def _remember(self, fence: int, reference: str) -> bool:
        """Commit the provider's id, which only this attempt has, and return whether this call is a duplicate."""
        return await self.retry_through_outage(
            lambda: self.ledger.remember_reference(self.effect.key, fence, reference)
        )

    async def _cancel_duplicate(self, reference: str) -> None:
        """Cancel a late send: this attempt was frozen before it, and another attempt has sent, or the workflow ended."""
        self.measure(EffectOutcome.LATE_DUPLICATE)
        logs.emit(logs.LATE_SEND, step=self.effect.step, key=self.effect.key)
        await self.stop(reference)
        raise StaleAttempt("this send came too late to be of use; it is counted as spent")
