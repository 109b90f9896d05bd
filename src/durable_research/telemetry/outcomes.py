"""The words for outcomes and directions that metrics have as labels. Standard library only."""

from enum import StrEnum


class AttemptOutcome(StrEnum):
    """How an attempt at a step ended."""

    COMPLETED = "completed"
    FAILED = "failed"  # for the last time
    RETRIED = "retried"  # it failed, and another attempt follows
    WAITING = "waiting"  # its provider is busy or away, and is asked again later
    LOST = "lost"  # its worker died or hung
    HANDED_BACK = "handed_back"  # its worker drained
    CANCELLED = "cancelled"


class EffectOutcome(StrEnum):
    """What became of a send, or of the attempt to send."""

    SENT = "sent"
    SETTLED = "settled"
    REFUSED = "refused"  # not accepted
    REATTACHED = "reattached"  # an earlier send was taken up instead of sending
    UNKNOWN = "unknown"  # it brought no answer, and may have been accepted
    SPENT = "spent"  # charged, and its answer was of no use
    UNRESOLVED = (
        "unresolved"  # an earlier send is unknown, and no other is allowed: a person is asked, or the step fails
    )
    SENT_AGAIN = "sent_again"  # sent besides an unknown send, which may be charged too
    LATE_DUPLICATE = "late_duplicate"  # accepted when nobody needed it any more


class CompensationOutcome(StrEnum):
    """How an attempt at an undo ended."""

    COMPLETED = "completed"
    RETRIED = "retried"
    FAILED = "failed"  # a person is asked


class Direction(StrEnum):
    """Of tokens."""

    INPUT = "input"
    OUTPUT = "output"


class WaitOutcome(StrEnum):
    """How a wait for a provider ended."""

    ANSWERED = "answered"
    GIVEN_UP = "given_up"


class OpenQuestion(StrEnum):
    """What a workflow waits for a person to decide."""

    APPROVAL = "approval"  # of a draft
    DECISION = "decision"  # about a step that cannot go on
