"""The DatabaseOverview port on PostgreSQL."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping

from sqlalchemy import text

from durable_research.adapters.database import migrate
from durable_research.adapters.database.connection import Database
from durable_research.domain.ledger.effects import SendState
from durable_research.domain.workflows.events import EventKind
from durable_research.domain.workflows.workflow import FINAL, Kind, Status
from durable_research.ports.database.overview import DatabaseVersions, Today, WorkItem, WorkList, WorkState

_OLDEST = 5
# An open send of the newest attempt is a call under way: it is unresolved once its sender has lost it, a newer attempt has
# taken over, or its workflow has ended.
_WORK = text("""
    WITH unended AS (
      SELECT * FROM workflows WHERE tenant = :tenant AND status = ANY(:unended)
    ), found AS (
      SELECT 'waiting' AS what, workflow_id, kind, title, updated_at AS since, '' AS step
      FROM unended WHERE status = :for_person
      UNION ALL
      SELECT 'retrying', workflow_id, kind, title, created_at, '' FROM unended WHERE status = :retrying
      UNION ALL
      SELECT 'not_started', workflow_id, kind, title, created_at, '' FROM unended WHERE NOT engine_started
      UNION ALL
      SELECT 'unresolved', w.workflow_id, w.kind, w.title, a.opened_at, e.step
      FROM effect_attempts a JOIN effects e USING (key) JOIN workflows w ON w.workflow_id = e.workflow_id
      WHERE a.state = :open AND w.tenant = :tenant
        AND (a.lost_at IS NOT NULL OR a.fence < e.fence OR w.status = ANY(:final))
    ), ranked AS (
      SELECT *, count(*) OVER (PARTITION BY what) AS number,
        row_number() OVER (PARTITION BY what ORDER BY since, workflow_id) AS place
      FROM found
    )
    SELECT ranked.*, (
      SELECT data->'error'->>'code' FROM progress_events p
      WHERE p.workflow_id = ranked.workflow_id AND p.kind = :failed AND what IN ('retrying', 'waiting')
      ORDER BY seq DESC LIMIT 1
    ) AS code
    FROM ranked WHERE place <= :oldest ORDER BY what, place
""")
_VERSIONS = text("""
    SELECT current_setting('server_version') AS server,
      (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS pgvector,
      (SELECT version_num FROM alembic_version) AS schema
""")
_TODAY = text("""
    SELECT status, count(*) AS number FROM workflows
    WHERE tenant = :tenant AND (
      status = ANY(:unended)
      OR status = ANY(:final) AND updated_at >= date_trunc('day', clock_timestamp(), 'UTC'))
    GROUP BY status
""")
_SCOPE = {
    "unended": [str(status) for status in Status if status not in FINAL],
    "final": [str(status) for status in FINAL],
    "for_person": str(Status.WAITING_FOR_YOU),
    "retrying": str(Status.RETRYING),
    "open": str(SendState.OPEN),
    "failed": str(EventKind.ATTEMPT_FAILED),
    "oldest": _OLDEST,
}


class PostgresOverview:
    """What waits, the versions, and today's numbers."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._newest_schema: str | None = None

    async def work(self, tenant: str) -> Mapping[WorkState, WorkList]:
        async with self._database.one() as connection:
            rows = (await connection.execute(_WORK, _SCOPE | {"tenant": tenant})).all()
        items: defaultdict[WorkState, list[WorkItem]] = defaultdict(list)
        numbers: dict[WorkState, int] = {}
        for row in rows:
            state = WorkState(row.what)
            detail = row.step or row.code or ""
            items[state].append(WorkItem(row.workflow_id, Kind(row.kind), row.title, row.since, detail))
            numbers[state] = row.number
        return {state: WorkList(numbers.get(state, 0), tuple(items[state])) for state in WorkState}

    async def versions(self) -> DatabaseVersions:
        async with self._database.one() as connection:
            row = (await connection.execute(_VERSIONS)).one()
        if self._newest_schema is None:
            # It reads every migration's file, which would hold the event loop.
            self._newest_schema = await asyncio.to_thread(migrate.newest)
        return DatabaseVersions(row.server, row.pgvector, row.schema, self._newest_schema)

    async def today(self, tenant: str) -> Today:
        async with self._database.one() as connection:
            rows = (await connection.execute(_TODAY, _SCOPE | {"tenant": tenant})).all()
        number = {Status(row.status): int(row.number) for row in rows}
        waiting = (Status.WAITING_FOR_YOU, Status.SLEEPING)
        return Today(
            done=number.get(Status.DONE, 0) + number.get(Status.PARTLY_DONE, 0),
            running=sum(count for status, count in number.items() if not status.is_final and status not in waiting),
            waiting=number.get(Status.WAITING_FOR_YOU, 0),
            failed=number.get(Status.FAILED, 0) + number.get(Status.TERMINATED, 0),
        )
