"""The rules of effects that are paid or seen outside: their keys, their states, and what to do next. No I/O.

Invariant: nothing is sent unless an intent for it is committed, and nothing is sent again while it is unknown whether an
earlier send was accepted, except as the provider's class and the cap allow; every such re-send is counted.
Rejected: a lease that a newer attempt has to wait for. A newer attempt holds a higher fence and takes over at once.
"""

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ProviderClass(StrEnum):
    """What a provider lets us ask after a silent send."""

    KEYED = "K"  # it deduplicates a key that we chose before sending
    RETRIEVABLE = "R"  # a result can be found by our tag
    LOCKED = "L"  # a handle made before the send tells whether the send happened
    NOTHING = "N"  # nothing can be asked


class SendState(StrEnum):
    """One send, from its committed intent on."""

    OPEN = "open"  # intent committed; perhaps sent, perhaps accepted
    REFUSED = "refused"  # certainly not accepted, or accepted and failed without a charge
    SPENT = "spent"  # accepted and charged, but the answer is of no use (empty, truncated)
    UNKNOWN = "unknown"  # never resolved; a re-send after it was counted as a possible extra
    SETTLED = "settled"  # accepted, answered, stored


@dataclass(frozen=True)
class Effect:
    """One paid or visible act of a step.

    `request` is what a person asked for, hashed into the fingerprint. `frozen` is what our configuration adds (model,
    instructions): the first claim's is kept, so that a deployment in between changes no request that is under way.
    """

    tenant: str
    workflow_id: str
    step: str
    kind: str
    provider: str
    provider_class: ProviderClass
    request: dict[str, Any]
    frozen: dict[str, Any] = field(default_factory=dict)
    ordinal: str = "0"
    generation: int = 0

    @property
    def key(self) -> str:
        """Never an attempt, run or worker id: a reset or a lost engine must meet the same key again."""
        parts = [self.tenant, self.workflow_id, self.step, self.ordinal, str(self.generation)]
        return hashlib.sha256("|".join(parts).encode()).hexdigest()

    @property
    def fingerprint(self) -> str:
        """The request's hash: the same key with another request is a bug, not a retry."""
        return hashlib.sha256(json.dumps(self.request, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Send:
    """One row of the ledger's attempts; `fence` is the number of the step's attempt that sent it."""

    fence: int
    state: SendState
    reference: str | None = None


@dataclass(frozen=True)
class EffectRecord:
    """What the ledger knows of an effect when an attempt claims it."""

    sends: tuple[Send, ...] = ()
    frozen: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] | None = None
    possible_extra: int = 0


class Move(StrEnum):
    """What the claiming attempt does next."""

    RETURN_RESULT = "return_result"
    COLLECT = "collect"  # an accepted send is known by its id: take it up, do not pay again
    SEND = "send"
    SEND_AGAIN = "send_again"  # an earlier send is unresolved: this one is counted as a possible extra
    GIVE_UP = "give_up"  # ... and the cap on those is used up


@dataclass(frozen=True)
class NextMove:
    """A move, and the provider's id to collect where the move is that."""

    move: Move
    reference: str | None = None


# Facts behind the number: docs/decisions/0003. One is the bound that a person can accept without being asked.
AMBIGUOUS_SENDS_ALLOWED = 1


def next_move(
    record: EffectRecord, provider_class: ProviderClass, *, allowed: int = AMBIGUOUS_SENDS_ALLOWED
) -> NextMove:
    """Decide what an attempt does with an effect that it has claimed."""
    if record.result is not None:
        return NextMove(Move.RETURN_RESULT)
    open_sends = [send for send in record.sends if send.state is SendState.OPEN]
    # An id may become known after its send was given up: that call is accepted too, and better than a new one.
    given_up = [send for send in record.sends if send.state is SendState.UNKNOWN]
    for send in [*reversed(open_sends), *reversed(given_up)]:
        if send.reference:
            return NextMove(Move.COLLECT, send.reference)
    if not open_sends:
        return NextMove(Move.SEND)
    if provider_class is ProviderClass.KEYED:
        return NextMove(Move.SEND)
    return NextMove(Move.SEND_AGAIN if record.possible_extra < allowed else Move.GIVE_UP)


@dataclass(frozen=True)
class Charges:
    """What a report was charged for: calls known to be charged, and re-sends that may have been a second charge."""

    settled: int = 0
    possible_extra: int = 0
