"""Cancellation in workflow code: three sources, one meaning.

1. **Temporal raises it**: `cancel` at the engine raises CancelledError at the workflow's current await, and a step that is
   cancelled ends as an ActivityError around it. Temporal raises it once: code that catches it, or is shielded, gets it no more.
2. **Our own log raises it**: the request is written into the row before Temporal gets it, so that it survives an outage of
   Temporal. An attempt that begins after that is refused, and its step ends as an ActivityError with the code of
   `CancelRequested`, though Temporal has cancelled nothing yet.
3. **A step hides it**: a step that ends well while it is being cancelled returns its result, and one whose worker died is not
   tried again (RetryState CANCEL_REQUESTED). Then only `task.cancelling()` shows it: `raise_if_cancelled` reads that.

`is_cancellation` reads 1 to 3 from an error; `DurableWorkflow.optional_step` and its relatives use it, so that no pipeline has
to. Histories that were recorded before `names.EVERY_CANCELLATION` replay as they ran.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, RetryState, is_cancelled_exception

from durable_research.domain.errors import CancelRequested
from durable_research.temporal import names
from durable_research.temporal.workflow.failures import cause_of

Done = TypeVar("Done")


async def shielded(work: Coroutine[Any, Any, Done]) -> Done:
    """Run it to its end though the workflow is being cancelled; `raise_if_cancelled` raises that afterwards."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        return await task


def raise_if_cancelled() -> None:
    """Raise a cancellation that a step's own end has hidden: before a wait for a person, and after a replay of completed steps.

    Raises:
        CancelledError: cancellation was requested.
    """
    task = asyncio.current_task()
    if task and task.cancelling() and workflow.patched(names.EVERY_CANCELLATION):
        raise asyncio.CancelledError


def is_cancellation(error: BaseException) -> bool:
    """Whether a step ended by a person's request to cancel, from Temporal or from our own log."""
    if is_cancelled_exception(error) or cause_of(error)["code"] == CancelRequested.code:
        return True
    # Temporal never retries a step whose cancellation was requested, even when its worker died meanwhile.
    was_requested = isinstance(error, ActivityError) and error.retry_state is RetryState.CANCEL_REQUESTED
    return was_requested and workflow.patched(names.EVERY_CANCELLATION)
