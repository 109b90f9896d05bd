"""Reads the failure of a step: its cause, and whether a person decides about it."""

from dataclasses import dataclass

from temporalio.exceptions import ActivityError, ApplicationError

from durable_research.domain.errors import ApprovalRefused, DecisionNeeded


@dataclass(frozen=True)
class Question:
    """The subject of a person's decision: an attempt of a step; 0 when the log has no attempt for the failure."""

    step: str
    attempt: int


def is_refusal(error: BaseException) -> bool:
    """Whether a workflow ended because a person refused its draft; an approval that expires fails it, to be resumed."""
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
    # Older histories hold the attempt alone, when one code alone led to a decision.
    return cause_of(error)["code"] == DecisionNeeded.code or details[1:2] == (True,)


def cause_of(error: BaseException) -> dict[str, str]:
    """The code and detail of a step's failure, for the progress log and the status body."""
    cause = error.__cause__ if isinstance(error, ActivityError) else error
    if isinstance(cause, ApplicationError):
        return {"code": cause.type or "internal_error", "detail": cause.message}
    return {"code": "internal_error", "detail": type(cause).__name__}
