"""Opens every store once, for workers as for API and pages."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.ledger.ledger import PostgresLedger
from durable_research.adapters.database.log.changes import PostgresChanges
from durable_research.adapters.database.log.drafts import PostgresDrafts
from durable_research.adapters.database.log.progress import PostgresProgressLog
from durable_research.adapters.database.rows.named_objects import PostgresNamedObjects
from durable_research.adapters.database.rows.posts import PostgresPosts
from durable_research.adapters.database.rows.reports import PostgresReports
from durable_research.adapters.database.rows.similarity import PostgresSimilarity
from durable_research.adapters.database.rows.workers import PostgresWorkerRegistry
from durable_research.adapters.database.rows.workflows import PostgresWorkflows
from durable_research.adapters.objects.obstore import ObstoreObjects
from durable_research.bootstrap import adapters
from durable_research.settings.settings import Settings
from durable_research.telemetry.meter import NO_METER, Meter


@dataclass(frozen=True)
class Stores:
    """One of each, on one connection pool; replace one by `dataclasses.replace`."""

    database: Database
    workflows: PostgresWorkflows
    progress: PostgresProgressLog
    drafts: PostgresDrafts
    changes: PostgresChanges
    ledger: PostgresLedger
    reports: PostgresReports
    posts: PostgresPosts
    similarity: PostgresSimilarity
    named_objects: PostgresNamedObjects
    workers: PostgresWorkerRegistry
    objects: ObstoreObjects


def open_stores(settings: Settings, stack: AsyncExitStack, meter: Meter = NO_METER) -> Stores:
    """Open all stores; they connect only at their first use and are closed with the stack."""
    url = settings.database_url.get_secret_value()
    database = Database(url)
    stack.push_async_callback(database.close)
    drafts, changes = PostgresDrafts(database), PostgresChanges(url)
    stack.push_async_callback(drafts.close)
    stack.push_async_callback(changes.close)
    return Stores(
        database=database,
        workflows=PostgresWorkflows(database, meter),
        progress=PostgresProgressLog(database, meter),
        drafts=drafts,
        changes=changes,
        ledger=PostgresLedger(database),
        reports=PostgresReports(database),
        posts=PostgresPosts(database),
        similarity=PostgresSimilarity(database),
        named_objects=PostgresNamedObjects(database),
        workers=PostgresWorkerRegistry(database),
        objects=adapters.objects(settings),
    )
