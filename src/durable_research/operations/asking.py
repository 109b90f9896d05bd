"""What a workflow that waits for a person asks, and what can be answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from durable_research.catalogue import BY_KIND
from durable_research.domain.errors import DecisionNeeded
from durable_research.domain.progress import ProgressEvent
from durable_research.domain.workflow import Decision, Status
from durable_research.ports.workflows import WorkflowRow


@dataclass(frozen=True)
class OpenQuestion:
    """A step's attempt that could not go on; `remaining` are the undos that wait with it, it first."""

    step: str
    attempt: int
    detail: str
    decisions: tuple[Decision, ...]
    remaining: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The question as a person reads it."""
        if not self.remaining:
            return "an earlier model call may have been charged, and its answer is lost; decide whether to pay again"
        return f"cleaning up failed ({self.detail}); still to be undone: {', '.join(self.remaining)}"

    def as_json(self) -> dict[str, Any]:
        """As the status body shows it."""
        return {
            "step": self.step,
            "attempt": self.attempt,
            "decisions": list(self.decisions),
            "remaining_undos": list(self.remaining),
        }


def open_question(row: WorkflowRow, events: Sequence[ProgressEvent]) -> OpenQuestion | None:
    """What a person is asked now, by the log."""
    asking = [event for event in events if event.data.get("asks_a_person")]
    if row.status is not Status.WAITING_FOR_YOU or not asking:
        return None
    last = asking[-1]
    error = last.data.get("error") or {}
    if error.get("code") == DecisionNeeded.code:
        return OpenQuestion(last.step, last.attempt, error.get("detail", ""), (Decision.SEND_AGAIN, Decision.GIVE_UP))
    undos = tuple(BY_KIND[row.kind].undos)
    remaining = undos[undos.index(last.step) :] if last.step in undos else (last.step,)
    return OpenQuestion(last.step, last.attempt, error.get("detail", ""), (Decision.TRY_AGAIN,), remaining)
