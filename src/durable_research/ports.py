"""What we ask of the world. Adapters implement these; tests bring fakes; nothing here knows a vendor.

Every method that reaches outside raises `InfrastructureDown` when a part of our own is out of reach.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from durable_research.domain.document import Document, RenderedDocument
from durable_research.domain.effects import Charges, Effect, EffectRecord, ProviderClass, SendState
from durable_research.domain.progress import Attempt, Draft, EventKind, ProgressEvent
from durable_research.domain.report import Report
from durable_research.domain.usage import TokenUsage
from durable_research.domain.workflow import Kind, Status

Clock = Callable[[], datetime]
CurrentAttempt = Callable[[], Attempt]
TextSink = Callable[[str], None]
Answer = TypeVar("Answer", covariant=True)


class RemoteEffect(Protocol[Answer]):
    """One act at one vendor, prepared but not sent. The ledger decides whether and when to send it."""

    async def send(self, key: str) -> str:
        """Send at once, tagged with our key, and return the provider's id as soon as it is known.

        Raises:
            ModelBusy, ModelRefused, ModelUnavailable, ...: certainly not accepted.
            ModelAmbiguous: perhaps accepted.
        """
        ...

    async def collect(self, reference: str) -> Answer:
        """Wait for the answer to an accepted send and return it; may be called again by a later attempt."""
        ...

    async def cancel(self, reference: str) -> None:
        """Stop an accepted send, so that it spends no more."""
        ...


@dataclass(frozen=True)
class ModelCall:
    """One question to a model: plain strings, already composed."""

    instructions: str
    prompt: str
    model: str

    def as_request(self) -> dict[str, Any]:
        """The canonical request for the effect's fingerprint."""
        return {"instructions": self.instructions, "prompt": self.prompt, "model": self.model}


@dataclass(frozen=True)
class ModelAnswer:
    """A whole answer."""

    text: str
    model: str
    usage: TokenUsage
    reference: str


class LanguageModel(Protocol):
    """A provider of text. `is_demo` marks the simulator, whose text is labelled everywhere."""

    provider: str
    provider_class: ProviderClass
    model: str
    is_demo: bool

    def prepare(self, call: ModelCall, on_text: TextSink) -> RemoteEffect[ModelAnswer]:
        """Make the effect of this call; `on_text` gets the whole text so far, as it grows."""
        ...


@dataclass(frozen=True)
class Notification:
    """What is told when a report is ready: ids, a title and links; no report text."""

    workflow_id: str
    title: str
    status: str
    url: str


@dataclass(frozen=True)
class Delivery:
    """A notification that the receiver accepted."""

    reference: str


class Notifier(Protocol):
    """One channel. The effect's key is the message's id, so that receivers can drop repeats."""

    channel: str
    provider_class: ProviderClass

    def prepare(self, notification: Notification) -> RemoteEffect[Delivery]:
        """Make the effect of this notification."""
        ...


class DocumentRenderer(Protocol):
    """Document tree -> file. The same tree gives the same bytes."""

    async def render(self, document: Document) -> RenderedDocument:
        """Typeset the document.

        Raises:
            DocumentError: this text cannot be typeset.
            RendererCrashed: the rendering process died or hung.
        """
        ...


class ObjectStore(Protocol):
    """Bytes under keys; objects are content-addressed and never change."""

    async def put(self, key: str, data: bytes) -> None:
        """Store the object; one that is already there is left alone."""
        ...

    async def get(self, key: str) -> bytes:
        """Read an object.

        Raises:
            NotFound: there is no such object.
        """
        ...


class Effects(Protocol):
    """The effect ledger's tables. `fence` is the attempt's number; a lower one than the newest raises StaleAttempt."""

    async def claim(self, effect: Effect, fence: int) -> EffectRecord:
        """Make or lock the effect and raise its fence to ours.

        Raises:
            EffectMismatch: the key is known with another request.
        """
        ...

    async def open_send(self, effect: Effect, fence: int, *, possible_extra: bool) -> None:
        """Commit the intent to send; unresolved earlier sends become unknown when this one is a possible extra."""
        ...

    async def check_fence(self, key: str, fence: int) -> None:
        """Raise StaleAttempt unless the fence is still ours."""
        ...

    async def remember_reference(self, key: str, fence: int, reference: str) -> None:
        """Commit the provider's id, even when a newer attempt has taken over: it is how that one finds the call."""
        ...

    async def settle(self, key: str, fence: int, reference: str, result: Mapping[str, Any]) -> None:
        """Store the result and close the send that has this reference."""
        ...

    async def close_send(self, key: str, reference: str | None, fence: int, state: SendState) -> None:
        """Close a send that gave no result."""
        ...

    async def charges(self, workflow_id: str) -> Charges:
        """What this workflow's model calls were charged, and may have been charged besides."""
        ...

    async def references(self, workflow_id: str) -> Sequence[str]:
        """Provider ids of this workflow's model calls, oldest first."""
        ...


class ProgressLog(Protocol):
    """The one log that people follow. Statuses change with the event that causes it, in one transaction."""

    async def begin_attempt(self, workflow_id: str, step: str, worker: str) -> Attempt:
        """Close what earlier attempts left open as lost, and start the next one.

        Raises:
            InvalidState: the workflow has ended.
        """
        ...

    async def end_attempt(self, attempt: Attempt, kind: EventKind, data: Mapping[str, Any]) -> None:
        """Close this attempt.

        Raises:
            StaleAttempt: a newer attempt has closed it as lost.
        """
        ...

    async def note(self, attempt: Attempt, kind: EventKind, data: Mapping[str, Any]) -> None:
        """Write an event within an open attempt, once."""
        ...

    async def close(self, workflow_id: str, status: Status, data: Mapping[str, Any]) -> None:
        """Write the workflow's end, once; partly done may later become done."""
        ...

    async def read(self, workflow_id: str, after_seq: int = 0) -> Sequence[ProgressEvent]:
        """Events after `after_seq`, in order."""
        ...


class Drafts(Protocol):
    """Text as it is being written: one row for each attempt, replaced as it grows, never part of the log."""

    def show(self, attempt: Attempt, text: str) -> None:
        """Take the whole text so far; it is written in batches about every 250 ms."""
        ...

    async def read(self, workflow_id: str) -> Draft | None:
        """The newest attempt's draft."""
        ...


class Changes(Protocol):
    """Wakes readers when something of a workflow was written."""

    def watch(self, workflow_id: str) -> AbstractAsyncContextManager[Callable[[float], Awaitable[bool]]]:
        """Enter to get a function that waits at most so many seconds for the next change and says whether one came."""
        ...


@dataclass(frozen=True)
class WorkflowRow:
    """One row of table `workflows`, the authority on what was accepted."""

    workflow_id: str
    kind: Kind
    tenant: str
    status: Status
    title: str
    input: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    engine_started: bool
    cancel_requested: bool


@dataclass(frozen=True)
class NewWorkflow:
    """What a start asks to be accepted."""

    workflow_id: str
    kind: Kind
    tenant: str
    title: str
    input: dict[str, Any]
    idempotency_key: str | None = None
    fingerprint: str = ""


@dataclass(frozen=True)
class WorkflowFilter:
    """Which workflows a list shows."""

    statuses: tuple[Status, ...] = ()
    kind: Kind | None = None
    text: str | None = None
    limit: int = 50
    before: tuple[datetime, str] | None = None


class Workflows(Protocol):
    """Accepted workflows of every kind."""

    async def accept(self, new: NewWorkflow) -> tuple[WorkflowRow, bool]:
        """Write the workflow, its idempotency key and its first event in one transaction; True when it is a replay.

        Raises:
            IdempotencyKeyReused: the key is known with another fingerprint.
        """
        ...

    async def get(self, workflow_id: str, tenant: str) -> WorkflowRow:
        """Read one.

        Raises:
            NotFound: unknown, or another tenant's.
        """
        ...

    async def list(self, tenant: str, which: WorkflowFilter) -> Sequence[WorkflowRow]:
        """Newest first."""
        ...

    async def mark_started(self, workflow_id: str) -> WorkflowRow:
        """Note that the engine has the workflow; returns the row, which may ask for cancellation meanwhile."""
        ...

    async def request_cancel(self, workflow_id: str) -> None:
        """Note the wish to cancel, once."""
        ...

    async def unstarted(self, older_than: timedelta) -> Sequence[WorkflowRow]:
        """Accepted that long ago, not ended, and not known to the engine."""
        ...

    async def unended(self, older_than: timedelta) -> Sequence[WorkflowRow]:
        """Known to the engine, not ended, and untouched for that long."""
        ...

    async def partly_done(self) -> Sequence[WorkflowRow]:
        """Ended without their metadata stored, with the metadata in the closing event."""
        ...


class Reports(Protocol):
    """Finished reports."""

    async def store(self, report: Report, tenant: str) -> None:
        """Insert the report; storing it again changes nothing."""
        ...

    async def get(self, report_id: str, tenant: str) -> Report:
        """Read one.

        Raises:
            NotFound: unknown, or another tenant's.
        """
        ...

    async def list(
        self, tenant: str, text: str | None, limit: int, before: tuple[datetime, str] | None
    ) -> Sequence[Report]:
        """Newest first, filtered by words in title or prompt."""
        ...


@dataclass(frozen=True)
class WorkerRow:
    """A live worker process."""

    identity: str
    name: str
    pid: int
    host: str
    queues: tuple[str, ...]
    seen_at: datetime


class WorkerRegistry(Protocol):
    """Who is working: a row that each worker renews every two seconds."""

    async def beat(self, worker: WorkerRow) -> None:
        """Renew the row (its `seen_at` is the database's clock)."""
        ...

    async def leave(self, identity: str) -> None:
        """Remove the row at an orderly end."""
        ...

    async def live(self) -> Sequence[WorkerRow]:
        """Workers seen within the last few seconds."""
        ...


@dataclass(frozen=True)
class PendingStep:
    """A step as the engine sees it this second."""

    step: str
    engine_attempt: int
    worker: str | None
    next_try_at: datetime | None


@dataclass(frozen=True)
class EngineView:
    """A workflow as the engine sees it this second; `status` is the engine's own word, lower case."""

    status: str
    pending: tuple[PendingStep, ...] = field(default_factory=tuple)


class WorkflowEngine(Protocol):
    """The engine that makes workflows durable."""

    async def start(self, workflow_id: str, workflow_type: str, task_queue: str, message: BaseModel) -> None:
        """Start it; an id that is already known to the engine is left alone."""
        ...

    async def cancel(self, workflow_id: str) -> bool:
        """Ask it to cancel; False when the engine does not know it as running."""
        ...

    async def describe(self, workflow_id: str) -> EngineView | None:
        """Ask about it; None when the engine does not know it."""
        ...

    def history(self, workflow_id: str) -> AsyncIterator[dict[str, Any]]:
        """Its Event History, as JSON objects."""
        ...


class Health(Protocol):
    """One thing that we depend on, and whether it answers."""

    name: str

    async def check(self) -> None:
        """Return when it answers; raise InfrastructureDown when it does not."""
        ...
