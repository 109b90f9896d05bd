"""The effect ledger: who may send, what was sent, what it brought."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from durable_research.domain.effects import Charges, Effect, EffectRecord, SendState


class Effects(Protocol):
    """The effect ledger's tables. `fence` is the attempt's number; a lower one than the newest raises StaleAttempt."""

    async def claim(self, effect: Effect, fence: int) -> EffectRecord:
        """Make or lock the effect and raise its fence to ours.

        Raises:
            EffectMismatch: the key is known with another request.
        """
        ...

    async def open_send(self, effect: Effect, fence: int, *, possible_extra: bool) -> None:
        """Commit the intent to send; unresolved earlier sends become unknown when this one is a possible extra."""
        ...

    async def check_fence(self, key: str, fence: int) -> None:
        """Raise StaleAttempt unless the fence is still ours."""
        ...

    async def remember_reference(self, key: str, fence: int, reference: str) -> None:
        """Commit the provider's id, even when a newer attempt has taken over: it is how that one finds the call."""
        ...

    async def settle(self, key: str, fence: int, reference: str, result: Mapping[str, Any]) -> None:
        """Store the result and close the send that has this reference."""
        ...

    async def close_send(self, key: str, reference: str | None, fence: int, state: SendState) -> None:
        """Close a send that gave no result."""
        ...

    async def charges(self, workflow_id: str) -> Charges:
        """What this workflow's model calls were charged, and may have been charged besides."""
        ...

    async def running_calls(self, workflow_id: str) -> Sequence[tuple[str, str]]:
        """Key and provider's id of this workflow's model calls that are accepted and not closed."""
        ...
