"""Words and shapes that people see for states, steps, attempts and times; scripts get the same ones from the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from durable_research.catalogue import STEP_LABELS, step_label
from durable_research.domain.approval import Verdict
from durable_research.domain.progress import EventKind, ProgressEvent, StepState
from durable_research.domain.workflow import Decision, Status

# Shape and word, so that colour is never the only sign.
STATUSES: dict[Status, tuple[str, str]] = {
    Status.QUEUED: ("◌", "Queued"),
    Status.RUNNING: ("●", "Running"),
    Status.RETRYING: ("↻", "Retrying"),
    Status.WAITING_FOR_YOU: ("◇", "Waiting for you"),
    Status.SLEEPING: ("☾", "Sleeping"),
    Status.DONE: ("✔", "Done"),
    Status.PARTLY_DONE: ("◐", "Partly done"),
    Status.FAILED: ("✖", "Failed"),
    Status.CANCELLED: ("⊘", "Cancelled"),
    Status.TERMINATED: ("■", "Terminated"),
}
STEP_STATES: dict[StepState, tuple[str, str]] = {
    StepState.PENDING: ("◌", "Not begun"),
    StepState.RUNNING: ("●", "Running"),
    StepState.RETRYING: ("↻", "Retrying"),
    StepState.WAITING: ("◇", "Waiting for you"),
    StepState.DONE: ("✔", "Done"),
    StepState.LEFT_OUT: ("⊖", "Left out"),
    StepState.FAILED: ("✖", "Failed"),
    StepState.CANCELLED: ("⊘", "Cancelled"),
}
# What a person can answer, and how its button looks.
DECISIONS: dict[Decision, tuple[str, str]] = {
    Decision.SEND_AGAIN: ("Pay again for a new answer", "primary"),
    Decision.GIVE_UP: ("Give this up", ""),
    Decision.TRY_AGAIN: ("Try again", "primary"),
    Decision.GO_WITHOUT: ("Go on without it", ""),
}
# What a person can say about a draft.
VERDICTS: dict[Verdict, tuple[str, str]] = {
    Verdict.APPROVE: ("Approve", "primary"),
    Verdict.REFUSE: ("Refuse", ""),
}
_OUTCOMES: dict[EventKind, tuple[str, str]] = {
    EventKind.ATTEMPT_STARTED: ("running", "running"),
    EventKind.ATTEMPT_COMPLETED: ("done", "finished"),
    EventKind.ATTEMPT_FAILED: ("failed", "failed"),
    EventKind.ATTEMPT_LOST: ("lost", "lost: its worker went away"),
    EventKind.ATTEMPT_HANDED_BACK: ("lost", "handed back: its worker was told to stop"),
    EventKind.ATTEMPT_CANCELLED: ("cancelled", "cancelled"),
}
# What is said of an attempt besides how it goes; filled with the event's data.
_NOTES: dict[EventKind, str] = {
    EventKind.ATTEMPT_REATTACHED: "took up the call that an earlier attempt had paid for",
    EventKind.CALL_SENT_AGAIN: "sends the call again: {possible_extra} earlier may have been charged",
    EventKind.PROVIDER_ANSWERED: "the provider answers again",
}


@dataclass
class AttemptLine:
    """One attempt in words. `look` names its colour."""

    step: str
    number: int
    worker: str
    started_at: datetime
    look: str = "running"
    outcome: str = "running"
    notes: list[str] = field(default_factory=list)
    seconds: float | None = None

    @property
    def label(self) -> str:
        """The step's name for people."""
        return step_label(self.step)


def attempt_lines(events: Sequence[ProgressEvent]) -> list[AttemptLine]:
    """Every attempt that the log knows, in the order in which they began."""
    lines: dict[tuple[str, int], AttemptLine] = {}
    for event in events:
        if event.kind is EventKind.ATTEMPT_STARTED:
            worker = str(event.data.get("worker") or "unknown")
            lines[event.step, event.attempt] = AttemptLine(event.step, event.attempt, worker, event.at)
        line = lines.get((event.step, event.attempt))
        if line is None:
            continue
        if event.kind in _NOTES:
            line.notes.append(_NOTES[event.kind].format_map({"possible_extra": "?", **event.data}))
        if event.kind in _OUTCOMES:
            line.look, line.outcome = _OUTCOMES[event.kind]
        if event.kind is EventKind.ATTEMPT_FAILED:
            line.outcome += f": {(event.data.get('error') or {}).get('detail', 'no reason was given')}"
        # A lost attempt is noticed by the next one, so when it really ended is unknown.
        if event.kind in _OUTCOMES and event.kind not in {EventKind.ATTEMPT_STARTED, EventKind.ATTEMPT_LOST}:
            line.seconds = (event.at - line.started_at).total_seconds()
    return list(lines.values())


def for_scripts() -> dict[str, object]:
    """The same words for the script that follows a workflow."""
    return {
        "statuses": {status.value: pair for status, pair in STATUSES.items()},
        "steps": STEP_LABELS,
        "states": {state.value: pair for state, pair in STEP_STATES.items()},
        "outcomes": {kind.value: pair for kind, pair in _OUTCOMES.items()},
        "notes": {kind.value: note for kind, note in _NOTES.items()},
    }


def paid(status: Mapping[str, Any]) -> str:
    """What was charged, of the status body, as a sentence; also what may have been."""
    settled = status["charges"]["settled"] + status["embedding_charges"]["settled"]
    possible = status["charges"]["possible_extra"] + status["embedding_charges"]["possible_extra"]
    words = f"{plural(settled, 'call')} to the model's provider {'was' if settled == 1 else 'were'} charged"
    return f"{words}, and perhaps {possible} more." if possible else f"{words}."


def duration(seconds: float) -> str:
    """A length of time as people say it."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def ago(at: datetime, now: datetime) -> str:
    """How long ago, roughly."""
    seconds = max((now - at).total_seconds(), 0)
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def plural(count: int, noun: str) -> str:
    """A count with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def capitalize_first(text: str) -> str:
    """The text as a sentence begins; the rest stays as it is."""
    return text[:1].upper() + text[1:]
