"""The words of templates: those that pages share with commands, and those of pages alone."""

from durable_research.catalogue import step_label
from durable_research.domain.durations import ago, duration
from durable_research.domain.wording import look, plural
from durable_research.domain.workflows.approval import Verdict
from durable_research.domain.workflows.workflow import Decision, Status
from durable_research.operations.reading.status import WorkflowStatus

# Templates find these among the words.
__all__ = ["Status", "ago", "duration", "look", "plural", "step_label"]

# The possible decisions, and the style of their buttons.
DECISIONS: dict[Decision, tuple[str, str]] = {
    Decision.SEND_AGAIN: ("Pay again for a new answer", "primary"),
    Decision.TRY_AGAIN: ("Try again", "primary"),
    Decision.GO_WITHOUT: ("Go on without it", ""),
    Decision.GIVE_UP: ("Give this up", ""),
}
# The possible decisions about a draft.
VERDICTS: dict[Verdict, tuple[str, str]] = {
    Verdict.APPROVE: ("Approve", "primary"),
    Verdict.REFUSE: ("Refuse", ""),
}


def paid(status: WorkflowStatus) -> str:
    """The certain and the possible charges, as a sentence."""
    settled = status.charges.settled + status.embedding_charges.settled
    possible = status.charges.possible_extra + status.embedding_charges.possible_extra
    if not settled and not possible:
        return "Nothing was charged."
    words = f"{plural(settled, 'call')} to the model's provider {'was' if settled == 1 else 'were'} charged"
    return f"{words}, and perhaps {possible} more." if possible else f"{words}."


def ordinal(number: int) -> str:
    """A number's place in a row: 1st, 2nd, 3rd, 4th, 11th."""
    ending = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def capitalize_first(text: str) -> str:
    """The text with a capital at the beginning; the rest is unchanged."""
    return text[:1].upper() + text[1:]
