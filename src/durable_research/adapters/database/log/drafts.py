"""The Drafts port on PostgreSQL: partial texts of running calls, many of them in one transaction every 250 ms."""

import asyncio

from sqlalchemy import func, select, text

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.log.events import CHANNEL
from durable_research.adapters.database.tables import drafts
from durable_research.domain.errors import InfrastructureDown
from durable_research.domain.workflows.progress import Attempt, Draft
from durable_research.domain.workflows.workflow import FINAL
from durable_research.telemetry import logs

_BATCH_SECONDS = 0.25
_ENDED = [str(status) for status in FINAL]

# The end of a workflow removes its drafts, under the lock of its row. After waiting for that lock, the statement reads the
# row again: so text that a worker writes after the end is not stored.
_SHOW = text("""
INSERT INTO drafts (workflow_id, step, attempt, text)
SELECT shown.workflow_id, shown.step, shown.attempt, shown.text
FROM unnest(CAST(:workflow_id AS text[]), CAST(:step AS text[]), CAST(:attempt AS int[]), CAST(:text AS text[]))
  AS shown (workflow_id, step, attempt, text)
JOIN workflows USING (workflow_id)
WHERE workflows.status <> ALL(:ended)
FOR KEY SHARE OF workflows
ON CONFLICT (workflow_id, step, attempt) DO UPDATE SET text = excluded.text, updated_at = clock_timestamp()
""")


class PostgresDrafts:
    """Buffers in memory; a process that dies loses at most a quarter of a second of a draft, never of a report."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[tuple[str, str, int], str] = {}
        self._writer: asyncio.Task[None] | None = None

    def show(self, attempt: Attempt, text: str) -> None:
        """Buffer the whole text so far; the writer task starts with the first one and ends when the buffer is empty."""
        # PostgreSQL's text cannot hold NUL; the report itself is cleaned when it is parsed.
        self._waiting[attempt.workflow_id, attempt.step, attempt.number] = text.replace("\x00", "")
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_while_waiting())

    def drop(self, attempt: Attempt) -> None:
        self._waiting.pop((attempt.workflow_id, attempt.step, attempt.number), None)

    async def close(self) -> None:
        """Write the buffer, and stop."""
        if self._writer:
            await self._writer

    async def read(self, workflow_id: str) -> Draft | None:
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
        if not batch:
            return
        workflow_ids, steps, attempts = map(list, zip(*batch, strict=True))
        columns = {"workflow_id": workflow_ids, "step": steps, "attempt": attempts, "text": list(batch.values())}
        try:
            async with self._database.begin() as connection:
                await connection.execute(_SHOW, columns | {"ended": _ENDED})
                for workflow_id in set(workflow_ids):
                    await connection.execute(select(func.pg_notify(CHANNEL, workflow_id)))
        except InfrastructureDown as error:
            logs.emit(logs.DRAFT_DROPPED, drafts=len(batch), error=str(error))
