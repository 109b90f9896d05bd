"""Appending to the progress log inside a transaction: the row's lock, the next number, the status, the wake-up call."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from durable_research.adapters.database.tables import progress_events, workflows
from durable_research.domain.errors import NotFound
from durable_research.domain.progress import EventKind
from durable_research.domain.workflow import Status

CHANNEL = "progress"


class LockedLog:
    """A workflow's log while its row is locked: numbers are given under the lock, so they never commit out of order."""

    def __init__(self, connection: AsyncConnection, row: "Row[*tuple[Any, ...]]") -> None:
        self._connection = connection
        self.workflow_id: str = row.workflow_id
        self.status = Status(row.status)
        self._seq: int = row.last_seq

    @classmethod
    async def lock(cls, connection: AsyncConnection, workflow_id: str) -> "LockedLog":
        """Lock the workflow's row until the transaction ends.

        Raises:
            NotFound: there is no such workflow.
        """
        query = select(workflows.c.workflow_id, workflows.c.status, workflows.c.last_seq)
        row = (
            await connection.execute(query.where(workflows.c.workflow_id == workflow_id).with_for_update())
        ).one_or_none()
        if row is None:
            raise NotFound(f"no workflow {workflow_id!r}")
        return cls(connection, row)

    async def append(self, kind: EventKind, data: Mapping[str, Any], step: str = "", attempt: int = 0) -> None:
        """Write the next event."""
        self._seq += 1
        await self._connection.execute(
            insert(progress_events).values(
                workflow_id=self.workflow_id, seq=self._seq, kind=kind, step=step, attempt=attempt, data=dict(data)
            )
        )

    async def has(self, kind: EventKind, step: str = "", attempt: int = 0) -> bool:
        """Whether the event stands already."""
        where = (
            (progress_events.c.workflow_id == self.workflow_id)
            & (progress_events.c.kind == kind)
            & (progress_events.c.step == step)
            & (progress_events.c.attempt == attempt)
        )
        return (await self._connection.execute(select(progress_events.c.seq).where(where))).first() is not None

    async def finish(self, status: Status | None = None) -> None:
        """Write the row back with its new number and status, and wake the readers at commit."""
        await self._connection.execute(
            update(workflows)
            .where(workflows.c.workflow_id == self.workflow_id)
            .values(last_seq=self._seq, status=status or self.status, updated_at=func.clock_timestamp())
        )
        await self._connection.execute(select(func.pg_notify(CHANNEL, self.workflow_id)))
