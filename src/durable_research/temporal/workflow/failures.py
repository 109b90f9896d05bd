"""What the failure of a step says to workflow code: its cause, and whether and what a person is asked about it."""

from dataclasses import dataclass

from temporalio.exceptions import ActivityError, ApplicationError

from durable_research.domain.errors import ApprovalRefused, DecisionNeeded


@dataclass(frozen=True)
class Question:
    """What a person is asked about: a step's attempt that could not go on; 0 when none of the log's is to blame."""

    step: str
    attempt: int


def is_refusal(error: BaseException) -> bool:
    """Whether a workflow ended because a person refused its draft; that nobody answered is a failure, which can be resumed."""
    return cause_of(error)["code"] == ApprovalRefused.code


def question_of(error: ActivityError) -> Question:
    """The step and the number of our attempt that failed, as the interceptor sent it along."""
    cause = error.__cause__
    details = cause.details if isinstance(cause, ApplicationError) else ()
    return Question(error.activity_type, int(details[0]) if details else 0)


def asks_a_person(error: ActivityError) -> bool:
    """Whether the step's attempt stopped for a person to decide, as the interceptor sent it along."""
    cause = error.__cause__
    details = cause.details if isinstance(cause, ApplicationError) else ()
    # Older histories name no more than the attempt, and were asked about one code alone.
    return cause_of(error)["code"] == DecisionNeeded.code or details[1:2] == (True,)


def cause_of(error: BaseException) -> dict[str, str]:
    """The code and words of what made a step fail, for the progress log and the status body."""
    cause = error.__cause__ if isinstance(error, ActivityError) else error
    if isinstance(cause, ApplicationError):
        return {"code": cause.type or "internal_error", "detail": cause.message}
    return {"code": "internal_error", "detail": type(cause).__name__}
