"""What people are told of a report besides that it is done or waits for approval: that it failed, or waits for a decision."""

from enum import StrEnum
from typing import Literal

from durable_research.domain.values import Value

# The step that tells it; a failure is told when its workflow has ended.
SEND_NOTICE = "send_notice"

Occasion = Literal["done", "failed", "waits"]
OCCASIONS: tuple[Occasion, ...] = ("done", "failed", "waits")


class NoticeKind(StrEnum):
    """What has happened."""

    FAILED = "failed"
    DECISION_ASKED = "decision_asked"


class Notice(Value):
    """One announcement: a code of the error tree, and no words, which may be a provider's.

    It is told once for each `number`: the resumption that failed, or the attempt of the `step` that a person is asked about.
    """

    kind: NoticeKind
    number: int
    code: str
    step: str = ""

    @property
    def words(self) -> str:
        """As a person reads it."""
        if self.kind is NoticeKind.FAILED:
            return f"it failed ({self.code}); what was paid for is kept, and its page says what can be done"
        return f"it cannot go on without your decision ({self.code})"
