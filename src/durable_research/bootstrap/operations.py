"""Everything that API, pages and CLI need, put together."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.ledger.effects import PostgresEffects
from durable_research.adapters.database.log.changes import PostgresChanges
from durable_research.adapters.database.log.drafts import PostgresDrafts
from durable_research.adapters.database.log.progress import PostgresProgressLog
from durable_research.adapters.database.rows.reports import PostgresReports
from durable_research.adapters.database.rows.similarity import PostgresSimilarity
from durable_research.adapters.database.rows.workers import PostgresWorkerRegistry
from durable_research.adapters.database.rows.workflows import PostgresWorkflows
from durable_research.adapters.documents.html import to_html
from durable_research.adapters.documents.markdown import to_markdown
from durable_research.bootstrap import adapters
from durable_research.domain.ledger.effects import ResendPolicy
from durable_research.operations.approve import Approving
from durable_research.operations.cancel import Cancelling
from durable_research.operations.decide import Deciding
from durable_research.operations.facade import Dependencies, Operations
from durable_research.operations.reading.paid_text import PaidTexts
from durable_research.operations.reading.read import Reading
from durable_research.operations.reading.reports import ReadingReports
from durable_research.operations.reading.texts import ReadingTexts
from durable_research.operations.resume import Resuming
from durable_research.operations.retry import Retrying
from durable_research.operations.schedule import Scheduling
from durable_research.operations.start import Starting
from durable_research.payload_keys import Keyring
from durable_research.settings.settings import Settings
from durable_research.temporal.client.connection import connect_lazily
from durable_research.temporal.client.engine import TemporalEngine
from durable_research.temporal.client.schedules import TemporalSchedules
from durable_research.temporal.payloads.codec import PayloadOpener


@asynccontextmanager
async def open_operations(settings: Settings) -> AsyncIterator[Operations]:
    """Connects to nothing until it is asked."""
    async with AsyncExitStack() as stack:
        database = Database(settings.database_url.get_secret_value())
        stack.push_async_callback(database.close)
        keys = adapters.payload_keys(settings)
        client = await connect_lazily("api", keys)
        engine = TemporalEngine(client)
        changes = PostgresChanges(settings.database_url.get_secret_value())
        stack.push_async_callback(changes.close)
        workflows, ledger, objects = PostgresWorkflows(database), PostgresEffects(database), adapters.objects(settings)
        starting = Starting(
            workflows,
            PostgresProgressLog(database),
            engine,
            adapters.now,
            adapters.receivers(settings),
            settings.allow_unsafe_webhooks,
        )
        stack.push_async_callback(starting.close)
        reading = _reading(settings, database, changes, engine)
        paid = PaidTexts(reading, objects)
        cancelling = Cancelling(reading, workflows, reading.progress, engine)
        stack.push_async_callback(cancelling.close)
        yield Operations(
            starting=starting,
            reading=reading,
            cancelling=cancelling,
            deciding=Deciding(reading, ledger, engine),
            scheduling=Scheduling(starting, TemporalSchedules(client), adapters.now),
            approving=Approving(reading, objects, engine),
            retrying=Retrying(reading, engine),
            resuming=Resuming(paid, workflows, ledger, starting, ResendPolicy(settings.model_resend)),
            reports=ReadingReports(workflows, PostgresReports(database), objects, to_html, to_markdown),
            texts=ReadingTexts(
                reading, paid, objects, PostgresSimilarity(database), to_html, settings.openai_embedding_model
            ),
            dependencies=Dependencies(database, engine, objects),
            payloads=PayloadOpener(Keyring(keys, engine.namespace)),
            is_demo=settings.provider == "simulator",
        )


def _reading(settings: Settings, database: Database, changes: PostgresChanges, engine: TemporalEngine) -> Reading:
    ui = settings.temporal_ui_url
    return Reading(
        PostgresWorkflows(database),
        PostgresProgressLog(database),
        PostgresDrafts(database),
        PostgresEffects(database),
        PostgresWorkerRegistry(database),
        changes,
        engine,
        f"{ui}/namespaces/{engine.namespace}/workflows" if ui else None,
    )
