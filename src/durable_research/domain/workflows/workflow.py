"""A workflow's public side: its id, kind, status and the legal changes of the status."""

import re
from enum import StrEnum

from durable_research.domain.errors import InvalidState
from durable_research.domain.values import Value


class Kind(StrEnum):
    """What a workflow makes; the value is the prefix of its ids."""

    REPORT = "report"
    PROCESSING = "processing"
    POST = "post"


class Status(StrEnum):
    """The words that pages, API and CLI use for a workflow's state."""

    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    WAITING_FOR_YOU = "waiting_for_you"
    SLEEPING = "sleeping"
    DONE = "done"
    PARTLY_DONE = "partly_done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TERMINATED = "terminated"

    @property
    def words(self) -> str:
        """The status as a person reads it."""
        return self.value.replace("_", " ")

    @property
    def is_final(self) -> bool:
        """Whether the workflow has ended, though a partly done one may still become done by reconciliation."""
        return self in FINAL


class Decision(StrEnum):
    """What a person decides about a step that could not go on, or about an undo that failed."""

    SEND_AGAIN = "send_again"  # repeat a send that may have been charged already
    GIVE_UP = "give_up"  # and undo what was done
    TRY_AGAIN = "try_again"
    GO_WITHOUT = "go_without"  # a step that the workflow can do without


class Decided(Value):
    """A person's decision about the question of this attempt of the step."""

    step: str
    attempt: int
    decision: Decision


# A person may resume these: not a cancelled workflow. A kind that is compensated on failure cannot be resumed either.
RESUMABLE = frozenset({Status.FAILED, Status.TERMINATED})
FINAL = frozenset({Status.DONE, Status.PARTLY_DONE, Status.FAILED, Status.CANCELLED, Status.TERMINATED})


def check_transition(old: Status, new: Status) -> None:
    """Refuse a change of status that would revert a final one.

    Two steps after an end are legal: partly done -> done, here, and failed or terminated -> queued by resuming, which is
    written with its own event.

    Raises:
        InvalidState: the workflow has already ended with another status.
    """
    if old is new or not old.is_final or (old is Status.PARTLY_DONE and new is Status.DONE):
        return
    raise InvalidState(f"the workflow is {old.words} and cannot become {new.words}")


def check_resumable(status: Status) -> None:
    """Refuse to resume a workflow that runs, is finished, or was cancelled.

    Raises:
        InvalidState: it is not failed or terminated.
    """
    if status not in RESUMABLE:
        raise InvalidState(f"the workflow is {status.words}; only what failed or was terminated can be resumed")


_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case
_OWN_PART = f"[{_ALPHABET}]{{26}}"
ID_PATTERN = rf"({'|'.join(Kind)})-{_OWN_PART}"
REPORT_ID_PATTERN = f"{Kind.REPORT}-{_OWN_PART}"
_ID = re.compile(ID_PATTERN, re.ASCII)
RANDOM_BYTES = 10


def new_workflow_id(kind: Kind, at_milliseconds: int, randomness: bytes) -> str:
    """Make an id that sorts by time and cannot be guessed: 48 bits of time and 80 random ones, as 26 characters."""
    number = (at_milliseconds << 80) | int.from_bytes(randomness[:RANDOM_BYTES], "big")
    return f"{kind}-" + "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def kind_of(workflow_id: str) -> Kind | None:
    """The kind that a workflow id names; None when the id is malformed."""
    match = _ID.fullmatch(workflow_id)
    return Kind(match[1]) if match else None
