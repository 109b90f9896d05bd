"""The effect ledger, in one small port for each audience: the right to send, the sends, their results, their costs."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

from durable_research.domain.ledger.effects import Charges, Effect, EffectKind, EffectRecord, SendFailure, SendState
from durable_research.domain.ledger.unresolved_sends import Provider, UnresolvedSend


class EffectLedger(Protocol):
    """For the attempt at an effect. `fence` is its number; a lower one than the newest raises StaleAttempt."""

    async def claim(self, effect: Effect, fence: int) -> EffectRecord:
        """Insert or lock the effect and raise its fence to ours; an attempt without a number gets the next one.

        Raises:
            EffectMismatch: the key belongs to another request.
            InvalidState: the effect has been compensated.
        """
        ...

    async def open_send(self, effect: Effect, fence: int, handle: str | None, *, earlier: SendState | None) -> None:
        """Commit the intent to send; `earlier` is the new state of earlier open sends (None: they stay open).

        UNKNOWN counts this send as a possible duplicate.

        Raises:
            StaleAttempt: a newer attempt holds the effect, this one has sent already, or an earlier send is known as accepted.
        """
        ...

    async def check_fence(self, key: str, fence: int, within: timedelta) -> None:
        """Raise StaleAttempt unless the fence is still ours and our intent is not older than `within`.

        An intent that is too old is closed as refused: it will not be sent.
        """
        ...

    async def remember_reference(self, key: str, fence: int, reference: str) -> bool:
        """Commit the provider's id, even when a newer attempt holds the effect, so that it can re-attach to the call.

        True for a duplicate send: a newer one is known as accepted, or the workflow has ended meanwhile.
        """
        ...

    async def settle(self, key: str, fence: int, reference: str, result: Mapping[str, Any]) -> None:
        """Store the result and close the send that has this reference."""
        ...

    async def close_send(self, key: str, reference: str | None, fence: int, state: SendState) -> None:
        """Close a send that gave no result."""
        ...

    async def note_lost(self, key: str, fence: int, failure: SendFailure | None) -> float:
        """Write, once, when an open send was lost, and the error that its sender got (None: its sender died).

        Returns for how many seconds the send had been open by then.
        """
        ...

    async def store_unpublished(self, key: str, fence: int, part: Mapping[str, Any]) -> None:
        """Store the outcome of an answer that is not published, while the fence is ours."""
        ...


class ChargeReader(Protocol):
    """For readers of a workflow's costs and results."""

    async def read(self, keys: Sequence[str]) -> Mapping[str, EffectRecord]:
        """Read these effects without claiming them; an effect that no attempt has claimed is left out."""
        ...

    async def charges(self, workflow_id: str, kind: EffectKind = EffectKind.MODEL_CALL) -> Charges:
        """Count the certain and the possible charges of this workflow's effects of one kind."""
        ...

    async def charges_by_kind(self, workflow_id: str) -> Mapping[EffectKind, Charges]:
        """Count the same for each kind of effect in the workflow."""
        ...


class ResendGrants(Protocol):
    """For a person's decision that a call may be paid for a second time."""

    async def grant_resend(self, workflow_id: str, step: str) -> bool:
        """Allow one more send of the step's unresolved effects, as a person decided; False when none is unresolved."""
        ...


class RunningCalls(Protocol):
    """For cancelling the calls that an ended workflow left running at its provider."""

    async def running_calls(self, workflow_id: str) -> Sequence[tuple[str, str]]:
        """Key and provider's id of this workflow's model calls that are accepted and not closed."""
        ...

    async def close_send(self, key: str, reference: str | None, fence: int, state: SendState) -> None:
        """Close a send that gave no result."""
        ...


class UnresolvedSends(Protocol):
    """For reconciliation: unresolved sends that no attempt waits for any more."""

    async def unresolved_sends(
        self, providers: Sequence[Provider], closed_before: timedelta, longest_call: timedelta
    ) -> Sequence[UnresolvedSend]:
        """List these providers' sends that were closed as absent at least so long ago, within a day, and not looked up since.

        A searched provider (class R) does not show a call while it runs, so it is polled after the longest call's time.
        """
        ...

    async def resolve_send(self, unresolved: UnresolvedSend, reference: str | None) -> None:
        """Write the result of the look-up: nothing, or the id of a late send, which is counted as spent."""
        ...

    async def close_abandoned(self, closed_before: timedelta) -> int:
        """Close, as unknown, unanswered sends that are that old, of workflows that ended so long ago.

        These are the sends of class N, which has no look-up, and keyed messages: one that is no longer due is not sent again.
        """
        ...
