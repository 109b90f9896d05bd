"""The span of an attempt at a step, and those of attempts whose workers died before they could write theirs."""

from contextlib import AbstractContextManager

from durable_research.domain.workflows.progress import Attempt
from durable_research.telemetry import tracing
from durable_research.telemetry.tracing import OpenSpan

_LOST = "lost"


def span_of(attempt: Attempt, parent: str | None) -> AbstractContextManager[OpenSpan]:
    """The attempt's span, below its run's."""
    number = {"attempt": attempt.number} if attempt.is_logged else {}
    return tracing.span(
        tracing.STEP_ATTEMPT,
        parent=parent,
        identity=_identity(attempt.workflow_id, attempt.step, attempt.number) if attempt.is_logged else "",
        workflow_id=attempt.workflow_id,
        step=attempt.step,
        worker=attempt.worker,
        **number,
    )


def record_lost(attempt: Attempt, parent: str | None) -> None:
    """Write the spans of the lost attempts that this one has closed, from the log: they end where this one begins.

    Each has the id that its worker gave it, so that what that worker had written below it is below it still.
    """
    for lost in attempt.closed:
        tracing.record(
            tracing.STEP_ATTEMPT,
            (lost.began_at, lost.found_at),
            parent=parent,
            identity=_identity(attempt.workflow_id, lost.step, lost.number),
            workflow_id=attempt.workflow_id,
            step=lost.step,
            attempt=lost.number,
            worker=lost.worker,
            end_unknown=True,
            error=_LOST,
        )


def _identity(workflow_id: str, step: str, number: int) -> str:
    return f"{workflow_id} {step} {number}"
