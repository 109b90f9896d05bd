"""Unresolved sends: they brought no answer but may have been accepted, so reconciliation looks them up once more."""

from collections.abc import Sequence
from dataclasses import dataclass

from durable_research.domain.ledger.effects import ProviderClass, Send

# The provider and the class of its API: another API of the same provider does not show the call.
Provider = tuple[str, ProviderClass]


@dataclass(frozen=True)
class UnresolvedSend:
    """A send that a look-up at the provider did not show.

    `accounted` counts the sends of the effect (on the same handle, in class L) that are known as charged; `known` are the
    ids that the ledger has.
    """

    key: str
    provider: Provider
    send: Send
    accounted: int
    known: frozenset[str] = frozenset()

    def late_send_among(self, shown: Sequence[str]) -> str | None:
        """The id of a call that the ledger has not accounted for; a conversation's answers have other ids than their calls."""
        unknown = [reference for reference in shown if reference not in self.known]
        return unknown[-1] if unknown and len(shown) > self.accounted else None
