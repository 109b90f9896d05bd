"""What remains of a workflow that ended without its result: a paid text, and whether it can be resumed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from durable_research.catalogue import BY_KIND
from durable_research.domain.errors import InvalidState
from durable_research.domain.ledger.effects import Charges, EffectRecord
from durable_research.domain.workflows.workflow import RESUMABLE
from durable_research.ports.database.workflows import WorkflowRow

# The name under which the paid text of a workflow is read.
TEXT = "text"


class Price(StrEnum):
    """What going on may cost besides what was paid."""

    NOTHING = "nothing"
    ANOTHER_SEND = "another_send"  # an earlier send may have been charged, and its provider can no longer look it up
    ANOTHER_ANSWER = "another_answer"  # the answer was charged and is of no use


@dataclass(frozen=True)
class ResumeOffer:
    """A workflow can be resumed, at this price; `charges` is what it has cost so far.

    `answers` are the ledger's records of the calls that wrote its text; a cut call stands before its continuation.
    """

    price: Price
    charges: Charges
    has_text: bool
    answers: Sequence[EffectRecord] = field(default=(), repr=False)

    @property
    def may_charge_again(self) -> bool:
        """Whether resuming needs a person's permission to be charged."""
        return self.price is not Price.NOTHING

    @property
    def words(self) -> str:
        """The price as a person reads it."""
        if not self.may_charge_again:
            return "what was paid for is not paid again"
        extra = f", and perhaps {self.charges.possible_extra} more" if self.charges.possible_extra else ""
        return f"the model may be charged again, {self.charges.settled} so far{extra}"


class EndedWithoutResult(InvalidState):
    """A workflow ended without its result; `resumable_id` is its id if it can be resumed and its text read."""

    def __init__(self, row: WorkflowRow, so: str = "") -> None:
        self.ended = f"the {BY_KIND[row.kind].noun} is {row.status.words}"
        self.so = f"; {so}" if so else ""
        self.resumable_id = row.workflow_id if can_be_resumed(row) else None
        super().__init__(f"{self.ended}{self.so}")


def can_be_resumed(row: WorkflowRow) -> bool:
    """Whether its status and its kind allow resuming it from the failed step."""
    return row.status in RESUMABLE and BY_KIND[row.kind].can_resume
