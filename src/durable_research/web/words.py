"""Words and shapes that people see for states, steps and times; scripts get the same ones from the page."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from durable_research.catalogue import STEP_LABELS
from durable_research.catalogue import step_label as step_label  # templates find it among the words
from durable_research.domain.approval import Verdict
from durable_research.domain.progress import StepState
from durable_research.domain.workflow import Decision, Status
from durable_research.web import attempts

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
    Decision.TRY_AGAIN: ("Try again", "primary"),
    Decision.GO_WITHOUT: ("Go on without it", ""),
    Decision.GIVE_UP: ("Give this up", ""),
}
# What a person can say about a draft.
VERDICTS: dict[Verdict, tuple[str, str]] = {
    Verdict.APPROVE: ("Approve", "primary"),
    Verdict.REFUSE: ("Refuse", ""),
}


def for_scripts() -> dict[str, object]:
    """The same words for the script that follows a workflow."""
    return {
        "statuses": {status.value: pair for status, pair in STATUSES.items()},
        "steps": STEP_LABELS,
        "states": {state.value: pair for state, pair in STEP_STATES.items()},
        "attempts": [kind.value for kind in attempts.KINDS],
    }


def paid(status: Mapping[str, Any]) -> str:
    """What was charged, of the status body, as a sentence; also what may have been."""
    settled = status["charges"]["settled"] + status["embedding_charges"]["settled"]
    possible = status["charges"]["possible_extra"] + status["embedding_charges"]["possible_extra"]
    if not settled and not possible:
        return "Nothing was charged."
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


def ordinal(number: int) -> str:
    """A number's place in a row: 1st, 2nd, 3rd, 4th, 11th."""
    ending = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def capitalize_first(text: str) -> str:
    """The text as a sentence begins; the rest stays as it is."""
    return text[:1].upper() + text[1:]
