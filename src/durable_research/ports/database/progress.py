"""The progress log, drafts of text, and the notification of their changes."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from durable_research.domain.workflows.approval import ApprovalAsked, ApprovalDecision
from durable_research.domain.workflows.events import Closed, EventKind, Payload
from durable_research.domain.workflows.progress import Attempt, Draft, EngineAttempt, ProgressEvent
from durable_research.domain.workflows.workflow import Status

CurrentAttempt = Callable[[], Attempt]


@dataclass(frozen=True)
class Waited:
    """How long a step has waited for its provider so far, and how often it has polled."""

    seconds: float = 0.0
    polls: int = 0


class AttemptNotes(Protocol):
    """The part of the log that the effect protocol needs."""

    async def note(self, attempt: Attempt, kind: EventKind, payload: Payload) -> None:
        """Write an event within an open attempt, once."""
        ...


class ProgressReader(Protocol):
    """The read-only part of the log."""

    async def read(self, workflow_id: str, after_seq: int = 0) -> Sequence[ProgressEvent]:
        """Events after `after_seq`, in order."""
        ...


class ProgressLog(AttemptNotes, ProgressReader, Protocol):
    """The one log that pages, API and CLI follow. A status and the event that changes it are written in one transaction."""

    async def begin_attempt(
        self,
        workflow_id: str,
        step: str,
        worker: str,
        engine: EngineAttempt,
        *,
        undoes: bool = False,
        commits: bool = False,
    ) -> Attempt:
        """Close earlier open attempts as lost, and start the next one.

        Failures count since the latest resumption or question to a person. A step that `commits` begins despite a requested
        cancellation: its own transaction checks for the request, and writes or refuses.

        Raises:
            StaleAttempt: a later attempt of the engine has begun already, or the workflow has been resumed since: this worker
                was frozen meanwhile.
            InvalidState: the workflow has ended.
            CancelRequested: a person has requested the cancellation, and this step is no compensation.
        """
        ...

    async def end_attempt(self, attempt: Attempt, kind: EventKind, payload: Payload) -> None:
        """Close this attempt.

        Raises:
            StaleAttempt: a newer attempt has closed it as lost.
        """
        ...

    async def waited(self, workflow_id: str, step: str) -> Waited:
        """Read for how long the step has waited for its provider, by the database's clock; zero when it does not wait."""
        ...

    async def close(
        self,
        workflow_id: str,
        status: Status,
        closed: Closed,
        resumption: int = 0,
        *,
        unless_cancelled: bool = False,
    ) -> bool:
        """Write the workflow's end, once for each resumption; partly done may later become done.

        An end that comes from an earlier resumption's run changes nothing. False when the end was not written because the log
        holds a person's request to cancel.
        """
        ...

    async def note_approval(
        self, workflow_id: str, kind: EventKind, payload: Payload, resumption: int = 0
    ) -> ApprovalAsked | ApprovalDecision | None:
        """Write an event of the workflow's approval, once for each resumption.

        Returns the existing decision, if any, also one about the same draft from before a resumption; otherwise, for an event
        that is a question, the first question.
        """
        ...


class Drafts(Protocol):
    """Partial text of a running call: one row for each attempt, replaced as it grows, never part of the log."""

    def show(self, attempt: Attempt, text: str) -> None:
        """Take the whole text so far; it is written in batches about every 250 ms."""
        ...

    def drop(self, attempt: Attempt) -> None:
        """Discard this attempt's text that is not written yet: its answer is stored, so the draft is useless."""
        ...

    async def read(self, workflow_id: str) -> Draft | None:
        """The newest attempt's draft."""
        ...


class Changes(Protocol):
    """Wakes readers after a write to a workflow's log or drafts."""

    def watch(self, workflow_id: str) -> AbstractAsyncContextManager[Callable[[float], Awaitable[bool]]]:
        """Enter to get a function that waits at most so many seconds for the next change and returns whether one came."""
        ...
