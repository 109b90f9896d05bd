"""The built-in activities of every workflow: write its own events into the progress log, and cancel calls left running."""

from collections.abc import Awaitable, Callable

from temporalio import activity

from durable_research.domain.ledger.effects import SendState
from durable_research.domain.workflows.approval import ApprovalAsked, ApprovalDecision
from durable_research.domain.workflows.events import Closed, payload_of
from durable_research.domain.workflows.progress import resumption_after
from durable_research.domain.workflows.waits import ended_waiting
from durable_research.ports.database.ledger import RunningCalls
from durable_research.ports.database.progress import ProgressLog, ProgressReader
from durable_research.temporal.messages import Closing, NoteApproval, StopModelCalls


class ClosingActivities:
    """The activities that write into the progress log."""

    def __init__(self, progress: ProgressLog) -> None:
        self._progress = progress

    @activity.defn(name="close_workflow")
    async def close_workflow(self, closing: Closing) -> bool:
        """Write the outcome once; a repeat changes nothing. False when a request to cancel comes first."""
        return await self._progress.close(
            closing.workflow_id,
            closing.status,
            Closed.model_validate(closing.data),
            closing.resumption,
            unless_cancelled=closing.unless_cancelled,
        )

    @activity.defn(name="note_approval")
    async def note_approval(self, noted: NoteApproval) -> ApprovalAsked | ApprovalDecision | None:
        """Write the event once; returns the recorded one, for example after the engine's loss of the workflow."""
        return await self._progress.note_approval(
            noted.workflow_id, noted.kind, payload_of(noted.kind, noted.data), noted.resumption
        )


class StoppingActivities:
    """The activity that cancels; `cancel` stops one accepted call at the model's provider."""

    def __init__(
        self, ledger: RunningCalls, progress: ProgressReader, cancel: Callable[[str], Awaitable[None]]
    ) -> None:
        self._ledger = ledger
        self._progress = progress
        self._cancel = cancel

    @activity.defn(name="stop_model_calls")
    async def stop_model_calls(self, message: StopModelCalls) -> None:
        """Cancel the calls that still run at the provider for a workflow that has ended: their answers will not be fetched.

        Where a wait for the provider has ended, the answer may exist by now: it is paid for, and stays in the ledger.
        """
        events = await self._progress.read(message.workflow_id)
        is_earlier = message.resumption not in (None, resumption_after(events))
        if message.keep or is_earlier or ended_waiting(events):
            return
        for key, reference in await self._ledger.running_calls(message.workflow_id):
            await self._cancel(reference)
            await self._ledger.close_send(key, reference, 0, SendState.SPENT)
