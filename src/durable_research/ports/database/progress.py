"""The progress log, drafts of text, and being woken when either changes."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from durable_research.domain.workflows.approval import ApprovalAsked, ApprovalDecision
from durable_research.domain.workflows.events import EventKind
from durable_research.domain.workflows.progress import Attempt, Draft, EngineAttempt, ProgressEvent
from durable_research.domain.workflows.workflow import Status

CurrentAttempt = Callable[[], Attempt]


@dataclass(frozen=True)
class Waited:
    """How long a step has waited for its provider so far, and how often it has looked."""

    seconds: float = 0.0
    looks: int = 0


class AttemptNotes(Protocol):
    """What the effect protocol needs of the log."""

    async def note(self, attempt: Attempt, kind: EventKind, data: Mapping[str, Any]) -> None:
        """Write an event within an open attempt, once."""
        ...


class ProgressReader(Protocol):
    """What those need who only read the log."""

    async def read(self, workflow_id: str, after_seq: int = 0) -> Sequence[ProgressEvent]:
        """Events after `after_seq`, in order."""
        ...


class ProgressLog(AttemptNotes, ProgressReader, Protocol):
    """The one log that people follow. Statuses change with the event that causes it, in one transaction."""

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
        """Close what earlier attempts left open as lost, and start the next one.

        Failures count since the workflow was resumed, or a person was asked. A step that `commits` is begun although a person
        wants the workflow to end: what it writes, it writes or refuses together with the look at that wish.

        Raises:
            StaleAttempt: a later attempt of the engine's has begun already, or the workflow has been resumed since: this worker
                was frozen on the way.
            InvalidState: the workflow has ended.
            CancelRequested: a person wants it to end, and this step does not undo another.
        """
        ...

    async def end_attempt(self, attempt: Attempt, kind: EventKind, data: Mapping[str, Any]) -> None:
        """Close this attempt.

        Raises:
            StaleAttempt: a newer attempt has closed it as lost.
        """
        ...

    async def waited(self, workflow_id: str, step: str) -> Waited:
        """For how long the step has waited for its provider, by the database's clock; nothing when it does not wait."""
        ...

    async def close(
        self,
        workflow_id: str,
        status: Status,
        data: Mapping[str, Any],
        resumption: int = 0,
        *,
        unless_cancelled: bool = False,
    ) -> bool:
        """Write the workflow's end, once for each resumption; partly done may later become done.

        The end of an earlier resumption's run is none any more, and changes nothing. False when it was not written because a
        person's wish to cancel stands in the log.
        """
        ...

    async def note_approval(
        self, workflow_id: str, kind: EventKind, data: Mapping[str, Any], resumption: int = 0
    ) -> ApprovalAsked | ApprovalDecision | None:
        """Write an event of the workflow's approval, once for each resumption.

        Returns the decision that stands already, if one does, also one from before a resumption about the same draft; else,
        to who asks, the question as it was asked first.
        """
        ...


class Drafts(Protocol):
    """Text as it is being written: one row for each attempt, replaced as it grows, never part of the log."""

    def show(self, attempt: Attempt, text: str) -> None:
        """Take the whole text so far; it is written in batches about every 250 ms."""
        ...

    def drop(self, attempt: Attempt) -> None:
        """Forget what this attempt has shown and is not written yet: its answer is stored, the draft tells nothing more."""
        ...

    async def read(self, workflow_id: str) -> Draft | None:
        """The newest attempt's draft."""
        ...


class Changes(Protocol):
    """Wakes readers when something of a workflow was written."""

    def watch(self, workflow_id: str) -> AbstractAsyncContextManager[Callable[[float], Awaitable[bool]]]:
        """Enter to get a function that waits at most so many seconds for the next change and says whether one came."""
        ...
