"""Sends that came to nothing, and may have been accepted all the same: what is looked up once more."""

from collections.abc import Sequence
from dataclasses import dataclass

from durable_research.domain.ledger.effects import ProviderClass, Send

# Who was asked, and in which way: another API of the same provider knows nothing of the call.
Provider = tuple[str, ProviderClass]


@dataclass(frozen=True)
class UnresolvedSend:
    """A send of which the provider showed nothing then.

    `accounted` counts the sends of the effect (on the same handle, in class L) that are known as charged; `known` are the
    ids that we have.
    """

    key: str
    provider: Provider
    send: Send
    accounted: int
    known: frozenset[str] = frozenset()

    def late_send_among(self, shown: Sequence[str]) -> str | None:
        """The id of a call that nobody has accounted for; a conversation names its answers otherwise than their calls."""
        unknown = [reference for reference in shown if reference not in self.known]
        return unknown[-1] if unknown and len(shown) > self.accounted else None
