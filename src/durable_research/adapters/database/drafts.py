"""The Drafts port on PostgreSQL: texts as they are being written, many of them in one transaction every 250 ms."""

import asyncio

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from durable_research import telemetry
from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.events import CHANNEL
from durable_research.adapters.database.tables import drafts
from durable_research.domain.errors import InfrastructureDown
from durable_research.domain.progress import Attempt, Draft

_BATCH_SECONDS = 0.25


class PostgresDrafts:
    """Buffers in memory; a process that dies loses at most a quarter of a second of a draft, never of a report."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[tuple[str, str, int], str] = {}
        self._writer: asyncio.Task[None] | None = None

    def show(self, attempt: Attempt, text: str) -> None:
        """Take the whole text so far; the writer starts with the first one and ends when nothing waits."""
        # PostgreSQL's text knows no NUL; the report itself is cleaned when it is parsed.
        self._waiting[attempt.workflow_id, attempt.step, attempt.number] = text.replace("\x00", "")
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_while_waiting())

    def drop(self, attempt: Attempt) -> None:
        """Forget what waits of this attempt."""
        self._waiting.pop((attempt.workflow_id, attempt.step, attempt.number), None)

    async def close(self) -> None:
        """Write what waits, and stop."""
        if self._writer:
            await self._writer

    async def read(self, workflow_id: str) -> Draft | None:
        """The draft of the newest attempt."""
        query = (
            select(drafts)
            .where(drafts.c.workflow_id == workflow_id)
            .order_by(drafts.c.attempt.desc(), drafts.c.updated_at.desc())
            .limit(1)
        )
        async with self._database.one() as connection:
            row = (await connection.execute(query)).one_or_none()
        return Draft(row.workflow_id, row.step, row.attempt, row.text) if row else None

    async def _write_while_waiting(self) -> None:
        while self._waiting:
            await asyncio.sleep(_BATCH_SECONDS)
            batch, self._waiting = self._waiting, {}
            await self._write(batch)

    async def _write(self, batch: dict[tuple[str, str, int], str]) -> None:
        rows = [
            {"workflow_id": workflow_id, "step": step, "attempt": attempt, "text": text}
            for (workflow_id, step, attempt), text in batch.items()
        ]
        if not rows:
            return
        # The rows go beside the statement: with them inside, it would be compiled anew for each batch.
        statement = insert(drafts)
        statement = statement.on_conflict_do_update(
            index_elements=["workflow_id", "step", "attempt"],
            set_={"text": statement.excluded.text, "updated_at": func.clock_timestamp()},
        )
        try:
            async with self._database.begin() as connection:
                await connection.execute(statement, rows)
                for workflow_id in {row["workflow_id"] for row in rows}:
                    await connection.execute(select(func.pg_notify(CHANNEL, workflow_id)))
        except InfrastructureDown as error:
            telemetry.get_logger().info(telemetry.DRAFT_DROPPED, drafts=len(rows), error=str(error))
