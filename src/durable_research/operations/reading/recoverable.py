"""What is left of a workflow that ended without what was asked for: a text that was paid for, and a way to go on."""

from enum import StrEnum

from durable_research.catalogue import BY_KIND
from durable_research.domain.workflows.workflow import RESUMABLE
from durable_research.ports.database.workflows import WorkflowRow

# The name under which the paid text of a workflow is read.
TEXT = "text"


class Price(StrEnum):
    """What going on may cost besides what was paid."""

    NOTHING = "nothing"
    ANOTHER_SEND = "another_send"  # an earlier send may have been charged, and nobody can be asked any more
    ANOTHER_ANSWER = "another_answer"  # the answer was charged and is none


def address_of(workflow_id: str) -> str:
    """Where the API shows the paid text."""
    return f"/api/workflows/{workflow_id}/texts/{TEXT}"


def can_be_resumed(row: WorkflowRow) -> bool:
    """Whether it ended so, and is of a kind, that it can go on from the step that failed."""
    return row.status in RESUMABLE and BY_KIND[row.kind].can_resume


def words_of(row: WorkflowRow) -> str:
    """How it ended, where to read what it had written, and that it can go on."""
    noun = BY_KIND[row.kind].noun
    ended = f"the {noun} is {row.status.words}"
    if not can_be_resumed(row):
        return ended
    resume = f"/api/workflows/{row.workflow_id}/resume"
    return f"{ended}; what was written of it can be read at {address_of(row.workflow_id)}, and POST {resume} goes on with it"
