"""Builds the operations that API, pages and CLI need."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from temporalio.client import Client

from durable_research.adapters.database.rows.backlog import PostgresBacklog
from durable_research.adapters.database.rows.overview import PostgresOverview
from durable_research.adapters.database.rows.series import PostgresSeries
from durable_research.adapters.documents.html import to_html
from durable_research.adapters.documents.markdown import to_markdown
from durable_research.bootstrap import adapters
from durable_research.bootstrap.build import build
from durable_research.bootstrap.starting import open_starting
from durable_research.bootstrap.stores import Stores, open_stores
from durable_research.domain.ledger.effects import ResendPolicy
from durable_research.operations.approve import Approving
from durable_research.operations.cancel import Cancelling
from durable_research.operations.decide import Deciding
from durable_research.operations.facade import Dependencies, Operations
from durable_research.operations.observe import Observing
from durable_research.operations.reading.charts import ReadingCharts
from durable_research.operations.reading.dependencies import Dependency, DependencyChecks
from durable_research.operations.reading.paid_text import PaidTexts
from durable_research.operations.reading.read import Reading
from durable_research.operations.reading.reports import ReadingReports
from durable_research.operations.reading.system import ReadingSystem
from durable_research.operations.reading.texts import ReadingTexts
from durable_research.operations.resume import Resuming
from durable_research.operations.retry import Retrying
from durable_research.operations.schedule import Scheduling
from durable_research.payload_keys import Keyring
from durable_research.settings.settings import Settings
from durable_research.telemetry.meter import NO_METER, Meter
from durable_research.temporal.client.connection import connect_lazily
from durable_research.temporal.client.engine import TemporalEngine
from durable_research.temporal.client.overview import TemporalOverview
from durable_research.temporal.client.schedules import TemporalSchedules
from durable_research.temporal.client.task_queues import TemporalQueues
from durable_research.temporal.payloads.codec import PayloadOpener

# A page that is open does not make us a client that polls a provider.
_PROVIDER_KEPT_SECONDS = 30.0


@asynccontextmanager
async def open_operations(settings: Settings, meter: Meter = NO_METER) -> AsyncIterator[Operations]:
    """Open all operations; they connect only at their first use. With a meter, what waits is observed meanwhile."""
    async with AsyncExitStack() as stack:
        client = await connect_lazily("api", adapters.payload_keys(settings))
        stores = open_stores(settings, stack, meter)
        if meter is not NO_METER:
            backlog = PostgresBacklog(stores.database, timedelta(seconds=settings.provider_wait))
            observing = asyncio.create_task(Observing(backlog, TemporalQueues(client), meter).run())
            stack.callback(observing.cancel)
        yield operations(settings, stores, client, stack)


def operations(settings: Settings, stores: Stores, client: Client, stack: AsyncExitStack) -> Operations:
    """All operations on these stores; their background work ends when the stack closes."""
    engine = TemporalEngine(client)
    starting = open_starting(settings, stores, engine, stack)
    reading = _reading(settings, stores, engine)
    paid = PaidTexts(reading, stores.objects)
    cancelling = Cancelling(reading, stores.workflows, stores.progress, engine)
    stack.push_async_callback(cancelling.close)
    return Operations(
        starting=starting,
        reading=reading,
        cancelling=cancelling,
        deciding=Deciding(reading, stores.ledger, engine),
        scheduling=Scheduling(starting, TemporalSchedules(client), adapters.now),
        approving=Approving(reading, stores.objects, engine),
        retrying=Retrying(reading, engine),
        resuming=Resuming(paid, stores.workflows, stores.ledger, starting, ResendPolicy(settings.model_resend)),
        reports=ReadingReports(stores.workflows, stores.reports, stores.objects, to_html, to_markdown),
        texts=ReadingTexts(reading, paid, stores.objects, stores.similarity, to_html, settings.openai_embedding_model),
        system=_system(settings, stores, client, engine),
        charts=ReadingCharts(adapters.prometheus(settings), PostgresSeries(stores.database), adapters.now),
        dependencies=Dependencies(stores.database, engine, stores.objects),
        payloads=PayloadOpener(Keyring(adapters.payload_keys(settings), engine.namespace)),
        is_demo=settings.provider == "simulator",
        dashboards=adapters.grafana(settings, stack),
    )


def _system(settings: Settings, stores: Stores, client: Client, engine: TemporalEngine) -> ReadingSystem:
    checked = [Dependency(one) for one in (stores.database, engine, stores.objects)]
    provider = Dependency(adapters.provider_reachability(settings), _PROVIDER_KEPT_SECONDS)
    return ReadingSystem(
        stores.workers,
        PostgresOverview(stores.database),
        TemporalQueues(client),
        TemporalOverview(client),
        DependencyChecks([*checked, provider], adapters.now),
        build(),
    )


def _reading(settings: Settings, stores: Stores, engine: TemporalEngine) -> Reading:
    ui = settings.temporal_ui_url
    return Reading(
        workflows=stores.workflows,
        progress=stores.progress,
        drafts=stores.drafts,
        ledger=stores.ledger,
        workers=stores.workers,
        changes=stores.changes,
        engine=engine,
        ui_prefix=f"{ui}/namespaces/{engine.namespace}/workflows" if ui else None,
    )
