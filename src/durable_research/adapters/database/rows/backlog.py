"""The BacklogReader port on PostgreSQL: one statement over the workflows that have not ended, and the open sends."""

from collections import defaultdict
from datetime import timedelta

from sqlalchemy import text

from durable_research.adapters.database.connection import Database
from durable_research.domain.ledger.effects import EffectKind
from durable_research.domain.workflows.events import ENDS_OF_APPROVAL, EventKind
from durable_research.domain.workflows.workflow import FINAL, Kind, Status
from durable_research.ports.database.backlog import Backlog, Waiting

# `what` is a kind of waiting, `of` its kind of workflow or its error code. A row that the engine has never had changes only
# when it is accepted, resumed or cancelled. The beginning of a wait for a provider is reckoned from the rest of it.
_BACKLOG = text("""
    WITH unended AS (
      SELECT * FROM workflows WHERE status = ANY(:unended)
    ), approvals AS (
      SELECT w.workflow_id, e.at, e.data FROM unended w
      JOIN progress_events e
        ON e.workflow_id = w.workflow_id AND e.step = '' AND e.attempt = w.resumption AND e.kind = :asked
      WHERE w.status = :for_person AND NOT EXISTS (
        SELECT FROM progress_events x
        WHERE x.workflow_id = w.workflow_id AND x.step = '' AND x.attempt = w.resumption AND x.kind = ANY(:approval_ends))
    ), waiting AS (
      SELECT 'not_started' AS what, kind AS of, updated_at AS since FROM unended WHERE NOT engine_started
      UNION ALL
      SELECT 'approval', '', at FROM approvals
      UNION ALL
      SELECT 'expiry', '', (data->>'expires_at')::timestamptz FROM approvals
      UNION ALL
      SELECT 'decision', '', w.updated_at FROM unended w
      WHERE w.status = :for_person AND NOT EXISTS (SELECT FROM approvals a WHERE a.workflow_id = w.workflow_id)
      UNION ALL
      SELECT 'provider', failed.data->'error'->>'code',
        failed.at - (:provider_wait - make_interval(secs => (failed.data->>'wait_left_seconds')::float8))
      FROM unended w CROSS JOIN LATERAL (
        SELECT at, data FROM progress_events e
        WHERE e.workflow_id = w.workflow_id AND e.kind = :failed ORDER BY seq DESC LIMIT 1
      ) failed
      WHERE w.status = :retrying AND (failed.data->>'wait_left_seconds')::float8 > 0
      UNION ALL
      SELECT 'send', effects.kind, effect_attempts.opened_at FROM effect_attempts JOIN effects USING (key)
      WHERE effect_attempts.state = 'open'
    )
    SELECT what, of, count(*) AS number, extract(epoch FROM clock_timestamp() - min(since))::float8 AS oldest
    FROM waiting GROUP BY what, of
""")


class PostgresBacklog:
    """What waits; `provider_wait` is for how long steps wait for a provider."""

    def __init__(self, database: Database, provider_wait: timedelta) -> None:
        self._database = database
        self._scope = {
            "unended": [str(status) for status in Status if status not in FINAL],
            "for_person": str(Status.WAITING_FOR_YOU),
            "retrying": str(Status.RETRYING),
            "asked": str(EventKind.APPROVAL_ASKED),
            "approval_ends": [str(kind) for kind in ENDS_OF_APPROVAL],
            "failed": str(EventKind.ATTEMPT_FAILED),
            "provider_wait": provider_wait,
        }

    async def read(self) -> Backlog:
        async with self._database.one() as connection:
            rows = (await connection.execute(_BACKLOG, self._scope)).all()
        found: defaultdict[str, dict[str, Waiting]] = defaultdict(dict)
        for row in rows:
            found[row.what][row.of or ""] = Waiting(row.number, row.oldest)
        expiry = found["expiry"].get("")
        return Backlog(
            not_started={Kind(kind): waiting for kind, waiting in found["not_started"].items()},
            approvals=found["approval"].get("", Waiting()),
            decisions=found["decision"].get("", Waiting()),
            next_expiry_seconds=-expiry.oldest_seconds if expiry else None,
            for_provider=found["provider"],
            open_sends={EffectKind(kind): waiting for kind, waiting in found["send"].items()},
        )
