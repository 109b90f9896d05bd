"""Rows that tests of several tables begin with."""

import secrets
import time

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.log.progress import PostgresProgressLog
from durable_research.adapters.database.rows.workflows import PostgresWorkflows
from durable_research.domain.workflows.events import Closed
from durable_research.domain.workflows.progress import Attempt
from durable_research.domain.workflows.workflow import Kind, Status, new_workflow_id
from durable_research.ports.database.workflows import NewWorkflow


def attempt_of(workflow_id: str, step: str = "create_embedding", number: int = 1) -> Attempt:
    """An attempt that is not closed."""
    return Attempt(workflow_id, step, number, "worker-1@1")


async def accepted(
    database: Database, kind: Kind = Kind.POST, tenant: str = "default", status: Status | None = None
) -> str:
    """The id of an accepted workflow, or of one that has ended so."""
    workflow_id = new_workflow_id(kind, int(time.time() * 1000), secrets.token_bytes(10))
    new = NewWorkflow(workflow_id, kind, tenant, "As asked for", {"prompt": "tides?"})
    await PostgresWorkflows(database).accept(new)
    if status:
        await PostgresProgressLog(database).close(workflow_id, status, Closed())
    return workflow_id
