"""The content of our tables when the faults are over: a few statements for all reports, over a separate connection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
from psycopg.rows import namedtuple_row

from durable_research.domain.documents.object_keys import page_key
from durable_research.experiments.evidence.evidence import Closing

# A parked notification is no open send: it cannot be polled and is not sent again, so it stays unresolved; nor is a notice
# whose occasion has passed, which reconciliation closes minutes later. Reconciliation makes a report's embedding, at any
# later pass. The failure of a report before it was resumed has counted rightly, and once
# more where Temporal had not received it.
_WORKFLOWS = """
    SELECT workflow_id, status, engine_started, resumption,
           (SELECT array_agg(seq ORDER BY seq) FROM progress_events e WHERE e.workflow_id = w.workflow_id) AS numbers,
           (SELECT jsonb_agg(jsonb_build_array(attempt, data->>'status', data->'error'->>'code') ORDER BY seq)
            FROM progress_events e WHERE e.workflow_id = w.workflow_id AND kind = 'closed') AS closings,
           (SELECT count(*) FROM progress_events e WHERE e.workflow_id = w.workflow_id AND kind = 'attempt_failed'
                   AND (data->>'counted')::boolean AND step <> 'send_notification'
                   AND seq > coalesce((SELECT min(seq) FROM progress_events r
                                       WHERE r.workflow_id = w.workflow_id AND r.kind = 'resumed'), 0)) AS counted_failures,
           (SELECT count(*) FROM progress_events e WHERE e.workflow_id = w.workflow_id AND kind = 'attempt_failed'
                   AND (data->>'counted')::boolean AND step = 'send_notification') AS counted_messages,
           (SELECT count(*) FROM progress_events e WHERE e.workflow_id = w.workflow_id AND kind = 'attempt_started'
                   AND NOT EXISTS (SELECT 1 FROM progress_events f WHERE f.workflow_id = e.workflow_id
                                   AND f.step = e.step AND f.attempt = e.attempt AND f.kind = ANY(%s))) AS open_attempts,
           (SELECT count(*) FROM effects JOIN effect_attempts USING (key)
            WHERE effects.workflow_id = w.workflow_id AND state = 'open'
                  AND NOT (result IS NULL AND (step IN ('send_notice', 'send_approval_notice')
                                                AND w.status NOT IN ('failed', 'waiting_for_you')
                           OR provider_class = 'N' AND kind IN ('notification', 'embedding')))) AS open_sends,
           (SELECT count(*) FROM effects JOIN effect_attempts USING (key)
            WHERE effects.workflow_id = w.workflow_id AND kind = 'notification' AND provider <> 'log'
                  AND (state NOT IN ('refused', 'absent') OR reference IS NOT NULL)) AS known_notifications
    FROM workflows w WHERE kind IN ('report', 'post')
"""
_ENDS = ["attempt_completed", "attempt_failed", "attempt_lost", "attempt_handed_back", "attempt_cancelled"]
_REPORTS = """
    SELECT report_id, text_key, text_sha256, pdf_key, pdf_sha256 FROM reports
    UNION ALL SELECT post_id, text_key, text_sha256, NULL, NULL FROM posts
"""
# The text of a report that never finished belongs to the ledger entry that paid for it, published or not.
_PAID_TEXTS = """
    SELECT result->'text'->>'key' AS key FROM effects WHERE result ? 'text'
    UNION ALL SELECT kept->'text'->>'key' FROM effects WHERE kept ? 'text'
"""
_KEYS = "SELECT key, workflow_id FROM effects WHERE kind = 'model_call'"


@dataclass(frozen=True)
class WorkflowRow:
    """One workflow, with the totals of its progress log and its ledger entries."""

    status: str
    engine_started: bool
    numbers: tuple[int, ...]
    closings: tuple[Closing, ...]
    counted_failures: int
    counted_messages: int
    open_attempts: int
    open_sends: int
    known_notifications: int
    resumptions: int = 0


@dataclass(frozen=True)
class NamedDocuments:
    """Keys and hashes of a report's row; a post has no PDF."""

    text: tuple[str, str]
    pdf: tuple[str, str] | None


@dataclass(frozen=True)
class Tables:
    """All rows read; `owners` maps the ledger's keys to workflows."""

    workflows: Mapping[str, WorkflowRow] = field(default_factory=dict)
    reports: Mapping[str, NamedDocuments] = field(default_factory=dict)
    paid_texts: frozenset[str] = frozenset()
    owners: Mapping[str, str] = field(default_factory=dict)

    @property
    def named_objects(self) -> frozenset[str]:
        """Every object that one of our rows or ledger entries names."""
        documents = {key for row in self.reports.values() for key, _ in filter(None, (row.text, row.pdf))}
        named = self.paid_texts | documents
        return named | {page_key(key) for key in named}


async def read_tables(database_url: str) -> Tables:
    """Read all tables in one snapshot."""
    async with await psycopg.AsyncConnection.connect(database_url, row_factory=namedtuple_row) as connection:
        await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        workflows = await _rows(connection, _WORKFLOWS, [_ENDS])
        reports = await _rows(connection, _REPORTS)
        paid = await _rows(connection, _PAID_TEXTS)
        keys = await _rows(connection, _KEYS)
    return Tables(
        workflows={
            row.workflow_id: WorkflowRow(
                row.status,
                row.engine_started,
                tuple(row.numbers or ()),
                tuple(Closing(*one) for one in row.closings or ()),
                row.counted_failures,
                row.counted_messages,
                row.open_attempts,
                row.open_sends,
                row.known_notifications,
                row.resumption,
            )
            for row in workflows
        },
        reports={
            row.report_id: NamedDocuments(
                (row.text_key, row.text_sha256), (row.pdf_key, row.pdf_sha256) if row.pdf_key else None
            )
            for row in reports
        },
        paid_texts=frozenset(row.key for row in paid),
        owners={row.key: row.workflow_id for row in keys},
    )


async def _rows(
    connection: psycopg.AsyncConnection[Any], query: LiteralString, values: Sequence[object] = ()
) -> list[Any]:
    return await (await connection.execute(query, values)).fetchall()
