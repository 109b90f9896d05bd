"""The SeriesSource port on PostgreSQL: what log and ledger know of the charts, in three statements."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text

from durable_research.adapters.database.connection import Database
from durable_research.domain.workflows.events import EventKind
from durable_research.domain.workflows.workflow import Status
from durable_research.ports.series import Line, Lines, Span

# `back` numbers the steps from the newest. A workflow that waits for a provider has an event for each look, and a worker one
# for each attempt: each counts once in a step, by DISTINCT rows, which PostgreSQL hashes; count(DISTINCT …) would sort all.
_EVENTS = text("""
    WITH e AS (
      SELECT kind, step, workflow_id, data, floor(extract(epoch FROM :until - at) / :step)::int AS back,
        coalesce((data->>'wait_left_seconds')::float8, 0) > 0 AS is_look
      FROM progress_events WHERE at > :since AND at <= :until AND kind IN (:closed, :failed, :lost, :asked, :started)
    ), found AS (
      SELECT back, 'throughput' AS chart, data->>'status' AS name FROM e WHERE kind = :closed
      UNION ALL
      SELECT back, 'failures', split_part(workflow_id, '-', 1) FROM e
      WHERE kind = :closed AND data->>'status' = ANY(:failures)
      UNION ALL
      SELECT back, 'retries', concat_ws(' · ', step, data->'error'->>'code') FROM e
      WHERE kind = :failed AND NOT is_look AND NOT coalesce((data->>'final')::bool, false)
      UNION ALL
      SELECT back, 'retries', step || ' · worker lost' FROM e WHERE kind = :lost
      UNION ALL
      SELECT back, 'waits', 'approval' FROM e WHERE kind = :asked
      UNION ALL
      SELECT back, 'waits', 'decision' FROM e WHERE kind = :failed AND (data->>'asks_a_person')::bool
      UNION ALL
      SELECT back, 'waits', 'provider' FROM (SELECT DISTINCT back, workflow_id FROM e WHERE kind = :failed AND is_look) AS d
      UNION ALL
      SELECT back, 'workers', 'workers' FROM (
        SELECT DISTINCT back, data->>'worker' FROM e WHERE kind = :started
      ) AS d
    )
    SELECT chart, name, back, count(*)::float8 AS value FROM found GROUP BY chart, name, back
""")
# An event of the workflow itself has the number of the resumption that it belongs to: it began with that one's first event.
_DURATIONS = text("""
    WITH ended AS (
      SELECT floor(extract(epoch FROM :until - c.at) / :step)::int AS back, extract(epoch FROM c.at - b.at)::float8 AS seconds
      FROM progress_events c JOIN progress_events b
        ON b.workflow_id = c.workflow_id AND b.step = '' AND b.attempt = c.attempt
        AND b.kind = CASE c.attempt WHEN 0 THEN :accepted ELSE :resumed END
      WHERE c.at > :since AND c.at <= :until AND c.kind = :closed
    ), shares AS (
      SELECT back, percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY seconds) AS values FROM ended GROUP BY back
    )
    SELECT 'duration' AS chart, name, back, value FROM shares, unnest(ARRAY['p50', 'p95'], values) AS u(name, value)
""")
_SENDS = text("""
    SELECT 'effects' AS chart, state AS name, floor(extract(epoch FROM :until - opened_at) / :step)::int AS back,
      count(*)::float8 AS value
    FROM effect_attempts WHERE opened_at > :since AND opened_at <= :until GROUP BY name, back
""")
_WORDS: dict[str, Any] = {
    "closed": str(EventKind.CLOSED),
    "failed": str(EventKind.ATTEMPT_FAILED),
    "lost": str(EventKind.ATTEMPT_LOST),
    "asked": str(EventKind.APPROVAL_ASKED),
    "started": str(EventKind.ATTEMPT_STARTED),
    "failures": [str(Status.FAILED), str(Status.TERMINATED)],
    "accepted": str(EventKind.ACCEPTED),
    "resumed": str(EventKind.RESUMED),
}
_COUNTED = ("throughput", "failures", "retries", "waits", "workers", "effects")


class PostgresSeries:
    """Counts all tenants, as metrics do."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, span: Span) -> Lines:
        scope = _WORDS | {"until": span.until, "since": span.since, "step": span.step_seconds}
        lines: dict[str, list[Line]] = {chart: [] for chart in (*_COUNTED, "duration")}
        async with self._database.one() as connection:
            for statement in (_EVENTS, _DURATIONS, _SENDS):
                rows = (await connection.execute(statement, scope)).all()
                for (chart, name), of_line in _by_line(rows).items():
                    lines[chart].append(_line(name, of_line, span, is_counted=chart in _COUNTED))
        return {chart: sorted(found, key=lambda line: line.name) for chart, found in lines.items()}


def _by_line(rows: Sequence[Row[Any]]) -> dict[tuple[str, str], list[Row[Any]]]:
    found: defaultdict[tuple[str, str], list[Row[Any]]] = defaultdict(list)
    for row in rows:
        found[row.chart, row.name or "unknown"].append(row)
    return found


def _line(name: str, rows: Sequence[Row[Any]], span: Span, *, is_counted: bool) -> Line:
    """A step without rows counts none of them; it has no percentile."""
    values: list[float | None] = [0.0 if is_counted else None] * span.steps
    for row in rows:
        values[span.steps - 1 - row.back] = round(row.value, 2)
    return Line(name, tuple(values))
