"""Appending to the progress log inside a transaction: the row's lock, the next number, the status, the notification."""

from typing import Any

from sqlalchemy import Row, Select, Update, bindparam, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from durable_research.adapters.database.tables import progress_events, workflows
from durable_research.domain.errors import CancelRequested, NotFound, StaleAttempt
from durable_research.domain.workflows.events import COMMITS, ENDS_OF_ATTEMPT, EventKind, Payload
from durable_research.domain.workflows.progress import Attempt, ProgressEvent
from durable_research.domain.workflows.workflow import Status

CHANNEL = "progress"

# Built once: building a statement and finding its compiled form took SQLAlchemy longer than PostgreSQL took to run it, and
# every attempt of every step runs these.
_OWN_ROW = workflows.c.workflow_id == bindparam("of_workflow")
_LOCK = (
    select(
        workflows.c.workflow_id,
        workflows.c.status,
        workflows.c.last_seq,
        workflows.c.cancel_requested,
        workflows.c.resumption,
    )
    .where(_OWN_ROW)
    .with_for_update()
)
_KINDS = select(progress_events.c.kind).where(
    progress_events.c.workflow_id == bindparam("of_workflow"),
    progress_events.c.step == bindparam("of_step"),
    progress_events.c.attempt == bindparam("of_attempt"),
)
_COMMITTED = select(
    exists().where(
        progress_events.c.workflow_id == bindparam("of_workflow"),
        progress_events.c.step == bindparam("of_step"),
        progress_events.c.attempt == bindparam("of_attempt"),
        progress_events.c.kind == EventKind.APPROVAL_GIVEN,
        progress_events.c.data[COMMITS].as_boolean(),
    )
)
_CHANGE = (
    update(workflows)
    .where(_OWN_ROW)
    .values(last_seq=bindparam("new_seq"), status=bindparam("new_status"), updated_at=func.clock_timestamp())
)
_COLUMNS = ("workflow_id", "seq", "kind", "step", "attempt", "data")
# An event's columns as `event_of` reads them, next to those of the workflow's row.
EVENT = (
    progress_events.c.seq,
    progress_events.c.at,
    progress_events.c.kind.label("event"),
    progress_events.c.step,
    progress_events.c.attempt,
    progress_events.c.data,
)


def _with_notification(change: Update) -> "Select[tuple[Any]]":
    """Combine the change to the workflow's row with the notification that wakes the readers at commit."""
    return select(func.pg_notify(CHANNEL, bindparam("of_workflow"))).add_cte(change.cte("changed_row"))


_ADD_ONE = _with_notification(_CHANGE).add_cte(
    insert(progress_events).values({name: bindparam(f"event_{name}") for name in _COLUMNS}).cte("new_events")
)


def event_of(row: "Row[*tuple[Any, ...]]") -> ProgressEvent:
    """Convert a row that holds `EVENT` and the workflow's id to the event."""
    return ProgressEvent(row.workflow_id, row.seq, row.at, EventKind(row.event), row.step, row.attempt, row.data)


class LockedLog:
    """A workflow's log while its row is locked: numbers are given under the lock, so they never commit out of order.

    Events are collected and written by `finish` in one round trip.
    """

    def __init__(self, connection: AsyncConnection, row: "Row[*tuple[Any, ...]]") -> None:
        self._connection = connection
        self.workflow_id: str = row.workflow_id
        self.status = Status(row.status)
        self.cancel_requested: bool = row.cancel_requested
        self.resumption: int = row.resumption
        self._seq: int = row.last_seq
        self._new: list[dict[str, Any]] = []

    @property
    def _own_scope(self) -> dict[str, Any]:
        """The workflow's own events since its latest resumption."""
        return {"of_workflow": self.workflow_id, "of_step": "", "of_attempt": self.resumption}

    @classmethod
    async def lock(cls, connection: AsyncConnection, workflow_id: str) -> "LockedLog":
        """Lock the workflow's row until the transaction ends.

        Raises:
            NotFound: there is no such workflow.
        """
        row = (await connection.execute(_LOCK, {"of_workflow": workflow_id})).one_or_none()
        if row is None:
            raise NotFound(f"no workflow {workflow_id!r}")
        return cls(connection, row)

    def append(self, kind: EventKind, payload: Payload, step: str = "", attempt: int = 0) -> None:
        """Add the next event; one of the workflow itself belongs to its latest resumption."""
        self._seq += 1
        self._new.append(
            {
                "workflow_id": self.workflow_id,
                "seq": self._seq,
                "kind": kind,
                "step": step,
                "attempt": attempt if step else self.resumption,
                "data": payload.stored(),
            }
        )

    async def kinds(self, step: str = "", attempt: int = 0) -> set[EventKind]:
        """Read the event kinds of a step's attempt, or of the workflow's resumption. Run after the lock, never with it."""
        scope = self._own_scope | ({"of_step": step, "of_attempt": attempt} if step else {})
        return {EventKind(kind) for kind in (await self._connection.execute(_KINDS, scope)).scalars()}

    @classmethod
    async def lock_open_attempt(cls, connection: AsyncConnection, attempt: Attempt) -> "LockedLog":
        """Lock an open attempt's workflow: its writes until the transaction ends are committed before a compensation begins.

        Raises:
            StaleAttempt: the attempt was closed, for example by a compensation that began while its worker was frozen.
        """
        log = await cls.lock(connection, attempt.workflow_id)
        await log.check_open(attempt)
        return log

    async def check_not_cancelled(self) -> None:
        """Refuse to finish a workflow with a request to cancel, unless another person has approved its completion.

        Raises:
            CancelRequested: the request came first.
        """
        if self.cancel_requested and not (await self._connection.execute(_COMMITTED, self._own_scope)).scalar_one():
            raise CancelRequested("a person asked for the workflow to be cancelled")

    async def check_open(self, attempt: Attempt) -> None:
        """Refuse the writes of a closed attempt.

        Raises:
            StaleAttempt: it has been closed.
        """
        if ends := await self.kinds(attempt.step, attempt.number) & ENDS_OF_ATTEMPT:
            raise StaleAttempt(f"attempt {attempt.number} of {attempt.step} was closed as {ends.pop()}")

    async def finish(self, status: Status | None = None, **values: Any) -> None:
        """Write the events and the row's new number and status, and wake the readers at commit."""
        row = {"of_workflow": self.workflow_id, "new_seq": self._seq, "new_status": status or self.status}
        if len(self._new) == 1 and not values:  # the rule
            event = {f"event_{name}": value for name, value in self._new[0].items()}
            await self._connection.execute(_ADD_ONE, row | event)
            return
        change = _with_notification(_CHANGE.values(**values) if values else _CHANGE)
        if self._new:
            change = change.add_cte(insert(progress_events).values(self._new).cte("new_events"))
        await self._connection.execute(change, row)
