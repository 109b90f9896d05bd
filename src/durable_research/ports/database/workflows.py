"""Accepted workflows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.events import ResumedWith
from durable_research.domain.workflows.progress import ProgressEvent
from durable_research.domain.workflows.workflow import Kind, Status


@dataclass(frozen=True)
class WorkflowRow:
    """One row of table `workflows`, the authority on what was accepted; `resumption` counts how often it was resumed.

    `traceparent` is that of the request that was accepted; None where traces were off.
    """

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
    resumption: int = 0
    traceparent: str | None = None

    @property
    def ref(self) -> WorkflowRef:
        return WorkflowRef(self.workflow_id, self.tenant)


@dataclass(frozen=True)
class NewWorkflow:
    """A workflow to be accepted; one with a later start time sleeps until then."""

    workflow_id: str
    kind: Kind
    tenant: str
    title: str
    input: dict[str, Any]
    idempotency_key: str | None = None
    fingerprint: str = ""
    begins_at: datetime | None = None
    traceparent: str | None = None


@dataclass(frozen=True)
class Resumption:
    """A person's request to resume a workflow; `after` is the number of the last resumption that they have seen.

    `payload` is stored as the event.
    """

    workflow_id: str
    after: int
    payload: ResumedWith
    begins_at: datetime | None = None


@dataclass(frozen=True)
class WorkflowFilter:
    """Which workflows a list shows."""

    statuses: tuple[Status, ...] = ()
    kind: Kind | None = None
    text: str | None = None
    limit: int = 50
    before: tuple[datetime, str] | None = None


@dataclass(frozen=True)
class Page:
    """The next so many rows of a pass, in the order of their ids."""

    after: str
    limit: int


class Workflows(Protocol):
    """Accepted workflows of every kind."""

    async def accept(self, new: NewWorkflow) -> tuple[WorkflowRow, bool]:
        """Write the workflow, its idempotency key and its first event in one transaction; True when it is a replay.

        Raises:
            IdempotencyKeyReused: the key belongs to another fingerprint.
        """
        ...

    async def get(self, workflow: WorkflowRef) -> WorkflowRow:
        """Read one.

        Raises:
            NotFound: unknown, or another tenant's.
        """
        ...

    async def get_with_log(self, workflow: WorkflowRef) -> tuple[WorkflowRow, Sequence[ProgressEvent]]:
        """Read one and all its events in one statement, so that row and log are consistent.

        Raises:
            NotFound: as for `get`.
        """
        ...

    async def list(self, tenant: str, criteria: WorkflowFilter) -> Sequence[WorkflowRow]:
        """Newest first."""
        ...

    async def resume(self, request: Resumption) -> tuple[WorkflowRow, bool]:
        """Resume an ended workflow in one transaction; True when this resumption exists already.

        Raises:
            InvalidState: it has not ended, ended otherwise, or has been resumed with another text.
        """
        ...

    async def mark_started(self, workflow_id: str, resumption: int) -> WorkflowRow:
        """Note that the engine has this resumption; returns the row, which may hold a request to cancel by now."""
        ...

    async def request_cancel(self, workflow_id: str) -> None:
        """Note the request to cancel, once."""
        ...


class WorkflowsToReconcile(Workflows, Protocol):
    """The same, with the queries for rows that a crash or an outage may have left open."""

    async def unstarted(self, older_than: timedelta, page: Page) -> Sequence[WorkflowRow]:
        """List workflows accepted that long ago, not ended, and not known to the engine."""
        ...

    async def unended(self, older_than: timedelta, page: Page) -> Sequence[WorkflowRow]:
        """List workflows known to the engine, not ended, and unchanged for that long."""
        ...

    async def undelivered_cancels(self, older_than: timedelta, page: Page) -> Sequence[WorkflowRow]:
        """List those of `unended` with a request to cancel."""
        ...

    async def partly_done(self, page: Page) -> Sequence[WorkflowRow]:
        """List workflows that ended without their metadata stored; the closing event holds it."""
        ...
