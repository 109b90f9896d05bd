"""The facts about a report, counted from outside: the simulator's log, the object folder, the database's rows.

None of it is the workflow's own report: our code cannot write the simulator's log, and another program reads the rows.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from durable_research.local.up import Up


@dataclass(frozen=True)
class Proof:
    """The counts of one report, and the worker that finished the killed step."""

    calls_billed: int
    pdfs: int
    rows: int
    notifications: int
    workers_killed: int
    accepted_before_kill: bool
    finished_by: str
    killed: str

    def failures(self) -> list[str]:
        """The broken promises, in sentences; empty when the proof holds."""
        expected = {"model calls billed": self.calls_billed, "PDFs": self.pdfs, "rows": self.rows}
        expected |= {"notifications": self.notifications, "workers killed": self.workers_killed}
        found = [f"{name}: {count}, not 1" for name, count in expected.items() if count != 1]
        if not self.accepted_before_kill:
            found.append("the provider had not accepted the call when the worker was killed")
        if self.finished_by == self.killed:
            found.append("the killed worker finished the step itself")
        return found


@dataclass(frozen=True)
class AcceptedCall:
    """A model call that the provider has accepted and whose id is committed in our ledger."""

    key: str
    reference: str


def billing_lines(billing_log: Path) -> list[dict[str, Any]]:
    """All complete lines of the simulator's log."""
    if not billing_log.exists():
        return []
    lines = billing_log.read_text().split("\n")
    return [json.loads(line) for line in lines[:-1] if line]


async def accepted_call(database_url: str, report_id: str) -> AcceptedCall | None:
    """The report's model call once its id is committed."""
    query = """
        SELECT effects.key, effect_attempts.reference FROM effects JOIN effect_attempts USING (key)
        WHERE workflow_id = %s AND kind = 'model_call' AND reference IS NOT NULL
    """
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        row = await (await connection.execute(query, (report_id,))).fetchone()
    return AcceptedCall(*row) if row else None


async def count(up: Up, objects: Path, report_id: str, key: str) -> dict[str, int]:
    """Count this report's billed calls, PDFs, rows and notifications."""
    lines = billing_lines(up.required_simulator.billing_log)
    async with await psycopg.AsyncConnection.connect(up.database) as connection:
        found = await connection.execute("SELECT pdf_key, pdf_sha256 FROM reports WHERE report_id = %s", (report_id,))
        rows = await found.fetchall()
    return {
        "calls_billed": sum(line["kind"] == "model_call" and line["key"] == key for line in lines),
        "pdfs": sum(_is_intact(objects / pdf_key, sha256) for pdf_key, sha256 in rows),
        "rows": len(rows),
        "notifications": sum(line["kind"] == "webhook" and report_id in line["text"] for line in lines),
    }


def _is_intact(file: Path, sha256: str) -> bool:
    return file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == sha256
