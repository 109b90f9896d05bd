"""The tables as an operator sees them: what waits longest, and the versions of server and schema."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from durable_research.domain.workflows.workflow import Kind


class WorkState(StrEnum):
    """Why work may need an operator."""

    WAITING = "waiting"  # for a person
    RETRYING = "retrying"
    NOT_STARTED = "not_started"  # accepted, and the engine does not have it yet
    UNRESOLVED = "unresolved"  # a send whose outcome is unknown


@dataclass(frozen=True)
class WorkItem:
    """A workflow in such a state.

    `since` is the time of the question, the acceptance of what is retried or not started, or the send; `detail` the code of
    the last error, or the step of the send.
    """

    workflow_id: str
    kind: Kind
    title: str
    since: datetime
    detail: str = ""


@dataclass(frozen=True)
class WorkList:
    """So many are in a state; the oldest ones of them, oldest first."""

    number: int = 0
    oldest: Sequence[WorkItem] = field(default_factory=tuple)


@dataclass(frozen=True)
class DatabaseVersions:
    """The versions of the server, of pgvector, and of the schema: the database's, and the newest that this code has."""

    server: str
    pgvector: str | None
    schema: str | None
    newest_schema: str | None


@dataclass(frozen=True)
class Today:
    """Workflows now at work or waiting, and those that ended since midnight (UTC), by how."""

    done: int = 0
    running: int = 0
    waiting: int = 0
    failed: int = 0


class DatabaseOverview(Protocol):
    """Reads all of it; each method is one statement.

    Raises:
        InfrastructureDown: the database does not answer.
    """

    async def work(self, tenant: str) -> Mapping[WorkState, WorkList]:
        """A tenant's work in each state."""
        ...

    async def versions(self) -> DatabaseVersions:
        """The versions."""
        ...

    async def today(self, tenant: str) -> Today:
        """A tenant's workflows of today."""
        ...
