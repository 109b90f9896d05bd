"""The question of a workflow that waits for a person, and its possible answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from durable_research.catalogue import BY_KIND, policies, step_label
from durable_research.domain.errors import DecisionNeeded
from durable_research.domain.workflows.approval import ApprovalAsked, ApprovalDecision, Verdict, decision_of
from durable_research.domain.workflows.events import ApprovalDecided, AttemptFailed, EventKind
from durable_research.domain.workflows.progress import ProgressEvent, since_resumed
from durable_research.domain.workflows.remedies import Remedy, remedy_for
from durable_research.domain.workflows.workflow import Decision, Status
from durable_research.ports.database.workflows import WorkflowRow


@dataclass(frozen=True)
class OpenQuestion:
    """A step's attempt that could not continue. For an undo, `remaining` are it and the undos that wait behind it."""

    step: str
    attempt: int
    detail: str
    decisions: tuple[Decision, ...]
    remaining: tuple[str, ...] = ()
    code: str = ""

    @property
    def words(self) -> str:
        """The question as a person reads it."""
        if Decision.SEND_AGAIN in self.decisions:
            return "an earlier model call may have been charged, and its answer is lost; decide whether to pay again"
        if not self.remaining:
            without = ", go on without it" if Decision.GO_WITHOUT in self.decisions else ""
            return f"{_quoted(self.step)} could not be done ({self.detail}); try again{without}, or give up and undo"
        # The error's detail names the step by its code name, which people do not know.
        detail = self.detail.replace(self.step, _quoted(self.step))
        return f"cleaning up failed ({detail}); still to be done: {', '.join(map(_quoted, self.remaining))}"

    @property
    def remedy(self) -> Remedy | None:
        """The remedy for the failure behind the question."""
        return remedy_for(self.code)


def _quoted(step: str) -> str:
    return f"“{step_label(step)}”"


@dataclass(frozen=True)
class OpenApproval:
    """A draft that waits for a person's decision. It belongs to no step's attempt, and has the fields of `OpenQuestion`."""

    question: ApprovalAsked
    step: ClassVar[str] = "approval"
    attempt: ClassVar[int] = 0
    remaining: ClassVar[tuple[str, ...]] = ()
    remedy: ClassVar[Remedy | None] = None

    @property
    def words(self) -> str:
        """The question as a person reads it."""
        return self.question.words

    @property
    def decisions(self) -> tuple[Verdict, ...]:
        return self.question.verdicts


# The question that a person has to answer before a workflow continues.
PendingDecision = OpenQuestion | OpenApproval


def _is_question(event: ProgressEvent) -> bool:
    return event.asks_a_person or event.kind is EventKind.APPROVAL_ASKED


def open_approval(row: WorkflowRow, events: Sequence[ProgressEvent]) -> OpenApproval | None:
    """The draft that now waits for a person, according to the log."""
    events = since_resumed(events)
    last = next((event for event in reversed(events) if _is_question(event)), None)
    if row.status is not Status.WAITING_FOR_YOU or last is None or last.kind is not EventKind.APPROVAL_ASKED:
        return None
    return OpenApproval(ApprovalAsked.model_validate(last.data))


def recorded_decision(events: Sequence[ProgressEvent]) -> ApprovalDecision | None:
    """The decision about the draft, according to the log."""
    decided = (event.payload for event in since_resumed(events))
    return next((decision_of(payload) for payload in decided if isinstance(payload, ApprovalDecided)), None)


def open_question(row: WorkflowRow, events: Sequence[ProgressEvent]) -> OpenQuestion | None:
    """The question that now waits for a person, according to the log."""
    questions = [event for event in since_resumed(events) if _is_question(event)]
    if row.status is not Status.WAITING_FOR_YOU or not questions:
        return None
    last = questions[-1]
    if last.kind is EventKind.APPROVAL_ASKED:
        return None
    error = last.payload.error if isinstance(last.payload, AttemptFailed) else None
    detail, code = (error["detail"], error["code"]) if error else ("", "")
    if code == DecisionNeeded.code:
        return OpenQuestion(last.step, last.attempt, detail, (Decision.SEND_AGAIN, Decision.GIVE_UP), code=code)
    undos = tuple(BY_KIND[row.kind].undos)
    if last.step in undos:
        remaining = undos[undos.index(last.step) :]
        return OpenQuestion(last.step, last.attempt, detail, (Decision.TRY_AGAIN,), remaining, code)
    without = (Decision.GO_WITHOUT,) if policies()[last.step].optional else ()
    decisions = (Decision.TRY_AGAIN, *without, Decision.GIVE_UP)
    return OpenQuestion(last.step, last.attempt, detail, decisions, code=code)


def pending_decision(row: WorkflowRow, events: Sequence[ProgressEvent]) -> PendingDecision | None:
    """The question or draft that a person must decide before the workflow continues, according to the log."""
    return open_question(row, events) or open_approval(row, events)
