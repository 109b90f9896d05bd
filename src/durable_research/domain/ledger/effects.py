"""The rules of effects that are paid or visible outside: their keys, their states, and the next move. No I/O.

Invariant: nothing is sent unless an intent for it is committed, and nothing is sent again while an earlier send is
unresolved, except as the provider's class and the cap allow; every such re-send is counted.
Rejected: a lease that a newer attempt has to wait for. A newer attempt holds a higher fence and takes over at once.
"""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from durable_research.domain.model_errors import (
    EmptyOutput,
    ModelDeclined,
    ModelError,
    ModelStopped,
    OnlyReasoning,
    ProviderFailed,
)
from durable_research.domain.workflow_ref import WorkflowRef


class EffectKind(StrEnum):
    """The kind of a paid or visible effect."""

    MODEL_CALL = "model_call"
    EMBEDDING = "embedding"
    NOTIFICATION = "notification"


class ProviderClass(StrEnum):
    """How an unresolved send can be looked up at a provider."""

    KEYED = "K"  # it deduplicates a key that we chose before sending
    RETRIEVABLE = "R"  # a result can be found by our tag
    LOCKED = "L"  # a handle made before the send shows whether the send happened
    NOTHING = "N"  # there is no look-up


class ResendPolicy(StrEnum):
    """What to do with an unresolved send without a look-up: the class N rule of a kind of effect."""

    BOUNDED = "bounded"  # send again as often as the cap allows, each counted as a possible extra
    NEVER = "never"  # do not send again: rather lost than doubled
    ASK = "ask"  # a person decides


class SendState(StrEnum):
    """One send, from its committed intent on."""

    OPEN = "open"  # intent committed; perhaps sent, perhaps accepted
    REFUSED = "refused"  # certainly not accepted, or accepted and failed without a charge
    ABSENT = "absent"  # a look-up at the provider showed no such call; if it appears later, it is a late send
    SPENT = "spent"  # accepted and charged, but the answer is of no use (empty, or of a late send)
    UNKNOWN = "unknown"  # never resolved; a re-send after it was counted as a possible extra
    SETTLED = "settled"  # accepted, answered, stored


UNRESOLVED = frozenset({SendState.OPEN, SendState.UNKNOWN})
_GIVEN_UP = frozenset({SendState.UNKNOWN, SendState.ABSENT})

# Facts behind the number: docs/decisions/0003. One extra send is acceptable without a person's decision.
AMBIGUOUS_SENDS_ALLOWED = 1
# A server error is an answer: the provider is up, and most such requests were not accepted. Six re-sends with doubling
# pauses outlast ten minutes of errors.
SERVER_ERRORS_ALLOWED = 6
# An answer without a visible character may be a glitch, so one more is bought; a second one shows that the model does so.
EMPTY_ANSWERS_ALLOWED = 1


@dataclass(frozen=True)
class Effect:
    """One paid or visible act of a step.

    `request` is a person's request, hashed into the fingerprint. `frozen` is what our configuration adds (model,
    instructions): the first claim's is stored, so that a deployment in between changes no request that is under way.
    `settle_seconds` is how long after a silent send the provider may take to show it (class R). A deliberate second
    purchase of the same answer is another `generation`; `ordinal` numbers the acts of one step. `ambiguous_allowed` is how
    often a bounded effect may be sent again without a look-up: a nearly free effect must not fail a paid
    one. `empty_allowed` is how often another answer is bought after an empty one.
    """

    workflow: WorkflowRef
    step: str
    kind: EffectKind
    provider: str
    provider_class: ProviderClass
    request: dict[str, Any]
    frozen: dict[str, Any] = field(default_factory=dict)
    ordinal: str = "0"
    generation: int = 0
    resend: ResendPolicy = ResendPolicy.BOUNDED
    settle_seconds: float = 0.0
    ambiguous_allowed: int = AMBIGUOUS_SENDS_ALLOWED
    empty_allowed: int = EMPTY_ANSWERS_ALLOWED

    @property
    def key(self) -> str:
        """The idempotency key. It holds no attempt, run or worker id: after a reset or a lost engine it is the same."""
        return _key(self.workflow, self.step, self.ordinal, self.generation)

    @property
    def fingerprint(self) -> str:
        """The request's hash: the same key with another request is a bug, not a retry."""
        return hashlib.sha256(json.dumps(self.request, sort_keys=True).encode()).hexdigest()


def model_call_key(workflow: WorkflowRef, step: str, part: int, generation: int) -> str:
    """The key of the call that writes this part of a text, for readers of the ledger; parts are counted from 0."""
    return _key(workflow, step, str(part), generation)


def _key(workflow: WorkflowRef, step: str, ordinal: str, generation: int) -> str:
    return hashlib.sha256(
        "|".join([workflow.tenant, workflow.workflow_id, step, ordinal, str(generation)]).encode()
    ).hexdigest()


@dataclass(frozen=True)
class SendFailure:
    """The reason why a send brought no answer: the code and detail of the error that its sender received."""

    code: str
    detail: str

    @property
    def is_server_error(self) -> bool:
        """Whether the provider answered, with a server error."""
        return self.code == ProviderFailed.code


@dataclass(frozen=True)
class Send:
    """One row of the ledger's attempts; `fence` is the number of the step's attempt that sent it.

    Times are by the database's clock, which all workers share. `open_seconds` is how long the send had been open when it was
    lost: when its sender got an error, or when a later attempt first looked it up. A dead sender leaves no `failure`.
    """

    fence: int
    state: SendState
    opened_at: datetime
    age_seconds: float = 0.0
    reference: str | None = None
    handle: str | None = None
    open_seconds: float = 0.0
    failure: SendFailure | None = None


@dataclass(frozen=True)
class EffectRecord:
    """The ledger's record of an effect when an attempt claims it.

    `resend_granted` counts the re-sends that a person has allowed beyond the policy; `fence` is the claiming attempt's number.
    `unpublished` is the stored part of a charged answer that is not published.
    """

    sends: tuple[Send, ...] = ()
    frozen: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] | None = None
    possible_extra: int = 0
    resend_granted: int = 0
    fence: int = 0
    unpublished: dict[str, Any] | None = None
    provider: str = ""
    provider_class: ProviderClass = ProviderClass.NOTHING


class Move(StrEnum):
    """What the claiming attempt does next."""

    RETURN_RESULT = "return_result"
    FAIL_AGAIN = "fail_again"  # a charged answer failed permanently: it is not bought again
    COLLECT = "collect"  # the id of an accepted send is known: re-attach, do not pay again
    FIND = "find"  # an earlier send is unresolved and the provider can look it up
    SEND = "send"
    SEND_AGAIN = "send_again"  # an earlier send is unresolved: this one is counted as a possible extra
    ASK_A_PERSON = "ask_a_person"
    GIVE_UP = "give_up"


@dataclass(frozen=True)
class NextMove:
    """A move, and the earlier send that it concerns, if any."""

    move: Move
    send: Send | None = None


# The errors that end a step although its answer was charged, by the code that the ledger stores.
FINAL_ANSWERS: dict[str, type[ModelError]] = {
    error.code: error for error in (EmptyOutput, ModelDeclined, ModelStopped, OnlyReasoning)
}

# Higher than any attempt's number: after this fence no attempt may send, and a sender that slept is refused.
WITHDRAWN = 2**31 - 1


def next_move(record: EffectRecord, effect: Effect) -> NextMove:
    """Decide what an attempt does with an effect that it has claimed."""
    if record.result is not None:
        return NextMove(Move.RETURN_RESULT)
    if final := _final_answer(record, effect):
        return NextMove(Move.FAIL_AGAIN, final)
    open_sends = [send for send in record.sends if send.state is SendState.OPEN]
    # An id may become known after its send was given up: that call is accepted too, and better than a new one. Without
    # a look-up (class N) its answer is lost permanently.
    is_lost = effect.provider_class is ProviderClass.NOTHING
    given_up = [] if is_lost else [send for send in record.sends if send.state in _GIVEN_UP]
    for send in [*reversed(open_sends), *reversed(given_up)]:
        if send.reference:
            return NextMove(Move.COLLECT, send)
    if not open_sends:
        # The call that was counted besides a lost one may have been refused: then it is sent now. If an attempt died before it
        # sent that call, the call is still to be counted.
        unknown = sum(send.state is SendState.UNKNOWN for send in record.sends)
        is_counted = not is_lost or unknown <= record.possible_extra
        return NextMove(Move.SEND if is_counted else move_without_look_up(record, effect))
    latest = open_sends[-1]
    if effect.provider_class is ProviderClass.KEYED:
        return NextMove(Move.SEND)
    if effect.provider_class is ProviderClass.RETRIEVABLE or latest.handle:
        return NextMove(Move.FIND, latest)
    return NextMove(move_without_look_up(record, effect))


def move_without_look_up(record: EffectRecord, effect: Effect) -> Move:
    """The policy's move when an earlier send is unresolved, or its answer is lost, and there is no look-up."""
    allowed = effect.ambiguous_allowed if effect.resend is ResendPolicy.BOUNDED else 0
    answered = sum(is_answered(send) for send in record.sends)
    if effect.resend is ResendPolicy.BOUNDED and answered:
        # Sends that were answered have a cap of their own, beside the cap for silent ones.
        latest = record.sends[-1]
        allowed = SERVER_ERRORS_ALLOWED if is_answered(latest) else allowed + answered
    if record.possible_extra < allowed + record.resend_granted:
        return Move.SEND_AGAIN
    return Move.ASK_A_PERSON if effect.resend is ResendPolicy.ASK else Move.GIVE_UP


def is_answered(send: Send) -> bool:
    """Whether the send is unresolved, and the provider answered it with a server error."""
    return send.failure is not None and send.failure.is_server_error and send.state in UNRESOLVED


def _final_answer(record: EffectRecord, effect: Effect) -> Send | None:
    """The charged send after which no other is bought, even if its attempt died before it could report that."""
    empty = [send for send in record.sends if was_empty(send)]
    if len(empty) > effect.empty_allowed:
        return empty[-1]
    spent = [send for send in record.sends if send.state is SendState.SPENT and send.failure and not was_empty(send)]
    return next((send for send in spent if send.failure and send.failure.code in FINAL_ANSWERS), None)


def was_empty(send: Send) -> bool:
    """Whether the send was charged for an answer without a visible character."""
    return send.state is SendState.SPENT and send.failure is not None and send.failure.code == EmptyOutput.code


def handle_to_reuse(record: EffectRecord) -> str | None:
    """The handle of a send without an answer: reusing it for the next send locks a late sender out."""
    latest = max(record.sends, key=lambda send: send.fence, default=None)
    return latest.handle if latest and latest.state in {SendState.ABSENT, SendState.OPEN} else None


def seconds_until_settled(send: Send, effect: Effect, longest_call: float) -> float:
    """Seconds until a provider that shows no such call is conclusive: the send was not accepted.

    With a searched provider the time runs from the send. The provider cannot show a call that it still writes, so a send
    that had been open for longer than it takes to show one may run for as long as a call may take. With a locked handle
    the time runs from when it was seen unlocked: its answer may appear a moment after that.
    """
    if effect.provider_class is ProviderClass.LOCKED:
        return effect.settle_seconds
    may_still_run = send.open_seconds > effect.settle_seconds > 0
    until = max(longest_call, effect.settle_seconds) if may_still_run else effect.settle_seconds
    return max(0.0, until - send.age_seconds)


@dataclass(frozen=True)
class Charges:
    """A workflow's charges: calls of one kind known to be charged, and sends that may have been charged besides.

    The sum is an upper bound of what the provider charged.
    """

    settled: int = 0
    possible_extra: int = 0
