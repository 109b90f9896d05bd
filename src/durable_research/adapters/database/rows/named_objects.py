"""The NamedObjects port on PostgreSQL: one statement lists every column that may hold an object's key.

Add each new table or column with keys here, or its objects are deleted an hour after their workflow's end.
"""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import text

from durable_research.adapters.database.connection import Database
from durable_research.domain.workflows.events import UNDOES
from durable_research.domain.workflows.workflow import FINAL, Status

# Only objects of a workflow whose row has ended: after a restore from an older backup, or in a store that two installations
# share, the objects of a workflow without a row may still be needed.
# Reports name their text and PDF, posts their text; the ledger holds a settled effect's result, and the outcome of a stopped
# one; the closing event of a partly done report holds the report to be stored. The last two are searched as text: a key
# counts anywhere in the JSON.
# A page is named by the object next to it: both have the same key but for the ending.
# The objects of a compensated workflow count as unnamed, even if the ledger names them: a worker that was frozen during the
# compensation may have stored one again.
_ORPHANS = text(r"""
SELECT given.key
FROM unnest(CAST(:keys AS text[]), CAST(:workflows AS text[])) AS given (key, workflow_id)
CROSS JOIN LATERAL (SELECT regexp_replace(given.key, '\.html$', '.') AS name) AS named
JOIN workflows USING (workflow_id)
WHERE workflows.status = ANY(:ended) AND workflows.updated_at < clock_timestamp() - CAST(:ended_for AS interval)
  AND (workflows.status <> ALL(:finished)
          AND EXISTS (SELECT FROM progress_events
                      WHERE progress_events.workflow_id = given.workflow_id AND data ? :undoes)
       OR NOT EXISTS (SELECT FROM reports
                      WHERE report_id = given.workflow_id
                        AND (starts_with(text_key, named.name) OR starts_with(pdf_key, named.name)))
          AND NOT EXISTS (SELECT FROM posts
                          WHERE post_id = given.workflow_id AND starts_with(text_key, named.name))
          AND NOT EXISTS (SELECT FROM effects
                          WHERE effects.workflow_id = given.workflow_id
                            AND (strpos(result::text, named.name) > 0 OR strpos(kept::text, named.name) > 0))
          AND NOT EXISTS (SELECT FROM progress_events
                          WHERE progress_events.workflow_id = given.workflow_id AND strpos(data::text, named.name) > 0))
""")


class PostgresNamedObjects:
    """The object keys that database rows hold."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def orphans(self, workflow_of: Mapping[str, str], ended_for: timedelta) -> set[str]:
        """Find those of these keys that no row names, of workflows that ended that long ago."""
        parameters = {
            "keys": list(workflow_of),
            "workflows": list(workflow_of.values()),
            "ended": [str(status) for status in FINAL],
            "ended_for": ended_for,
            "finished": [str(Status.DONE), str(Status.PARTLY_DONE)],
            "undoes": UNDOES,
        }
        async with self._database.one() as connection:
            return set((await connection.execute(_ORPHANS, parameters)).scalars())
