"""The WorkerRegistry port on PostgreSQL."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.tables import workers
from durable_research.ports.database.workers import KnownWorker, WorkerRow

# Three heartbeats of two seconds: one may be late on a busy machine, three missing ones mean a dead worker.
_SEEN_WITHIN = timedelta(seconds=6)
# A dead worker's row stays; an operator looks for those that died lately.
_KNOWN_FOR = timedelta(days=1)


class PostgresWorkerRegistry:
    """A row for each worker process, which the worker renews."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def heartbeat(self, worker: WorkerRow) -> None:
        """Renew the row with the database's clock."""
        statement = insert(workers).values(
            identity=worker.identity,
            name=worker.name,
            pid=worker.pid,
            host=worker.host,
            queues=list(worker.queues),
            build=worker.build,
            slots=dict(worker.slots),
        )
        statement = statement.on_conflict_do_update(
            index_elements=["identity"],
            set_={
                "pid": worker.pid,
                "seen_at": func.clock_timestamp(),
                "build": worker.build,
                "slots": statement.excluded.slots,
            },
        )
        async with self._database.one() as connection:
            await connection.execute(statement)

    async def leave(self, identity: str) -> None:
        async with self._database.one() as connection:
            await connection.execute(delete(workers).where(workers.c.identity == identity))

    async def live(self) -> Sequence[WorkerRow]:
        """List the workers seen within the last seconds, by name."""
        query = (
            select(workers)
            .where(workers.c.seen_at > func.clock_timestamp() - _SEEN_WITHIN)
            .order_by(workers.c.identity)
        )
        async with self._database.one() as connection:
            rows = (await connection.execute(query)).all()
        return [_worker(row) for row in rows]

    async def known(self) -> Sequence[KnownWorker]:
        silence = func.clock_timestamp() - workers.c.seen_at
        query = (
            select(workers, silence.label("silence"))
            .where(silence < _KNOWN_FOR)
            .order_by(workers.c.name, workers.c.seen_at.desc())
        )
        async with self._database.one() as connection:
            rows = (await connection.execute(query)).all()
        return [KnownWorker(_worker(row), row.silence.total_seconds(), row.silence < _SEEN_WITHIN) for row in rows]


def _worker(row: Row[Any]) -> WorkerRow:
    return WorkerRow(
        row.identity, row.name, row.pid, row.host, tuple(row.queues), row.seen_at, build=row.build, slots=row.slots
    )
