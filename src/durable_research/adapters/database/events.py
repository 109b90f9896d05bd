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
    """A workflow's log while its row is locked: numbers are given under the lock, so they never commit out of order.

    Events are collected and written by `finish` in one round trip.
    """

    def __init__(self, connection: AsyncConnection, row: "Row[*tuple[Any, ...]]") -> None:
        self._connection = connection
        self.workflow_id: str = row.workflow_id
        self.status = Status(row.status)
        self._seq: int = row.last_seq
        self._new: list[dict[str, Any]] = []

    @classmethod
    async def lock(cls, connection: AsyncConnection, workflow_id: str) -> "LockedLog":
        """Lock the workflow's row until the transaction ends.

        Raises:
            NotFound: there is no such workflow.
        """
        query = select(workflows.c.workflow_id, workflows.c.status, workflows.c.last_seq)
        query = query.where(workflows.c.workflow_id == workflow_id).with_for_update()
        row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound(f"no workflow {workflow_id!r}")
        return cls(connection, row)

    def append(self, kind: EventKind, data: Mapping[str, Any], step: str = "", attempt: int = 0) -> None:
        """Add the next event."""
        self._seq += 1
        self._new.append(
            {
                "workflow_id": self.workflow_id,
                "seq": self._seq,
                "kind": kind,
                "step": step,
                "attempt": attempt,
                "data": dict(data),
            }
        )

    async def kinds(self, step: str = "", attempt: int = 0) -> set[EventKind]:
        """What stands already of a step's attempt, or of the workflow itself. Asked after the lock, never with it."""
        columns = progress_events.c
        query = select(columns.kind).where(
            columns.workflow_id == self.workflow_id, columns.step == step, columns.attempt == attempt
        )
        return {EventKind(kind) for kind in (await self._connection.execute(query)).scalars()}

    async def finish(self, status: Status | None = None, **values: Any) -> None:
        """Write the events and the row's new number and status, and wake the readers at commit."""
        row = (
            update(workflows)
            .where(workflows.c.workflow_id == self.workflow_id)
            .values(last_seq=self._seq, status=status or self.status, updated_at=func.clock_timestamp(), **values)
        )
        wake = select(func.pg_notify(CHANNEL, self.workflow_id)).add_cte(row.cte("changed_row"))
        if self._new:
            # One row is the rule, and a statement of one row is compiled once and kept.
            rows = self._new if len(self._new) > 1 else self._new[0]
            wake = wake.add_cte(insert(progress_events).values(rows).cte("new_events"))
        await self._connection.execute(wake)
