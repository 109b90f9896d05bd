"""Notices to people about a report beside completion and approval: it failed, or waits for a decision."""

from enum import StrEnum
from typing import Literal

from durable_research.domain.values import Value

# The step that sends it; for a failure, after the end of the workflow.
SEND_NOTICE = "send_notice"

Occasion = Literal["done", "failed", "waits"]
OCCASIONS: tuple[Occasion, ...] = ("done", "failed", "waits")


class NoticeKind(StrEnum):
    """The event to announce."""

    FAILED = "failed"
    DECISION_ASKED = "decision_asked"


class Notice(Value):
    """One announcement: a code of the error tree, without the error's words, which may be a provider's.

    It is sent once for each `number`: the failed resumption, or the attempt of the `step` that needs a decision.
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
