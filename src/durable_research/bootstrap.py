"""The composition root: the only file that names an adapter. Adapters receive values, never settings."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from temporalio.client import Client
from temporalio.service import RPCError

from durable_research.adapters.database import migrate as migrations
from durable_research.adapters.database.changes import PostgresChanges
from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.drafts import PostgresDrafts
from durable_research.adapters.database.effects import PostgresEffects
from durable_research.adapters.database.named_objects import PostgresNamedObjects
from durable_research.adapters.database.progress import PostgresProgressLog
from durable_research.adapters.database.reports import PostgresReports
from durable_research.adapters.database.workers import PostgresWorkerRegistry
from durable_research.adapters.database.workflows import PostgresWorkflows
from durable_research.adapters.documents.html import to_html
from durable_research.adapters.documents.markdown import to_markdown
from durable_research.adapters.documents.typst import TypstRenderer
from durable_research.adapters.models.openai_chat import OpenAIChat
from durable_research.adapters.models.openai_responses import OpenAIResponses
from durable_research.adapters.notifiers.address import AddressNotifier
from durable_research.adapters.notifiers.email import EmailNotifier
from durable_research.adapters.notifiers.log import LogNotifier
from durable_research.adapters.notifiers.slack import SlackNotifier
from durable_research.adapters.notifiers.webhook import WebhookNotifier
from durable_research.adapters.objects.obstore import ObstoreObjects
from durable_research.domain.effects import ResendPolicy
from durable_research.domain.errors import InfrastructureDown
from durable_research.effects import EffectRunner
from durable_research.operations.cancelling import Cancelling
from durable_research.operations.deciding import Deciding
from durable_research.operations.everything import Operations
from durable_research.operations.reading import Reading
from durable_research.operations.reports import ReadingReports
from durable_research.operations.scheduling import Scheduling, accepting_once
from durable_research.operations.starting import Starting
from durable_research.pipelines.accept_scheduled.activities import AcceptScheduledActivities
from durable_research.pipelines.generate_report.activities import GenerateReportActivities
from durable_research.pipelines.generate_report.messages import LlmCall, StoreReportMetadata
from durable_research.pipelines.reconcile.activities import Orphans, ReconcileActivities
from durable_research.ports.notifiers import Notifier
from durable_research.ports.workers import WorkerRegistry
from durable_research.ports.workflows import WorkflowRow
from durable_research.settings import Settings
from durable_research.temporal import names, policies
from durable_research.temporal.closing import ClosingActivities
from durable_research.temporal.codec import PayloadOpener
from durable_research.temporal.connection import connect, connect_lazily
from durable_research.temporal.engine import TemporalEngine
from durable_research.temporal.interceptors import StepInterceptor, cancel_is_wanted, current_attempt
from durable_research.temporal.keys import Keyring, PayloadKey, parse_keys
from durable_research.temporal.preparing import prepare
from durable_research.temporal.schedules import TemporalSchedules


def _now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def open_operations(settings: Settings) -> AsyncIterator[Operations]:
    """Everything that API, pages and CLI need; connects to nothing until it is asked."""
    async with AsyncExitStack() as stack:
        database = Database(settings.database_url.get_secret_value())
        stack.push_async_callback(database.close)
        client = await connect_lazily("api", payload_keys(settings))
        engine = TemporalEngine(client)
        changes = PostgresChanges(settings.database_url.get_secret_value())
        stack.push_async_callback(changes.close)
        workflows, progress = PostgresWorkflows(database), PostgresProgressLog(database)
        objects = _objects(settings)
        starting = _starting(settings, workflows, engine)
        stack.push_async_callback(starting.close)
        ui = settings.temporal_ui_url
        reading = Reading(
            workflows,
            progress,
            PostgresDrafts(database),
            PostgresEffects(database),
            PostgresWorkerRegistry(database),
            changes,
            engine,
            f"{ui}/namespaces/{engine.namespace}/workflows" if ui else None,
        )
        cancelling = Cancelling(reading, workflows, progress, engine)
        stack.push_async_callback(cancelling.close)
        yield Operations(
            starting,
            reading,
            cancelling,
            Deciding(reading, PostgresEffects(database), engine),
            Scheduling(starting, TemporalSchedules(client), _now),
            ReadingReports(workflows, PostgresReports(database), objects, to_html, to_markdown),
            (database, engine, objects),
            PayloadOpener(Keyring(payload_keys(settings), engine.namespace)),
            is_demo=settings.provider == "simulator",
        )


def _starting(settings: Settings, workflows: PostgresWorkflows, engine: TemporalEngine) -> Starting:
    """Without a word in the request the log and the operator's webhook are told; mail and Slack are for who asks."""
    default = ("log", "webhook") if settings.webhook_url else ("log",)
    asked = {"email": settings.smtp_url, "slack": settings.slack_bot_token}
    on_request = tuple(channel for channel, configured in asked.items() if configured)
    return Starting(workflows, engine, _now, default, on_request, settings.allow_unsafe_webhooks)


def _objects(settings: Settings) -> ObstoreObjects:
    return ObstoreObjects(settings.object_store_url, settings.object_store_endpoint)


def payload_keys(settings: Settings) -> tuple[PayloadKey, ...]:
    """The keys that payloads are sealed with, the active one first; none when nothing is to be sealed."""
    return parse_keys(settings.payload_keys.get_secret_value()) if settings.payload_keys else ()


@dataclass(frozen=True)
class WorkerParts:
    """What a worker process runs, by task queue."""

    activities: Mapping[str, tuple[Callable[..., Awaitable[Any]], ...]]
    interceptor: StepInterceptor
    registry: WorkerRegistry


@asynccontextmanager
async def open_worker_parts(settings: Settings, identity: str, client: Client) -> AsyncIterator[WorkerParts]:
    """Adapters and activities of one worker process."""
    async with AsyncExitStack() as stack:
        database = Database(settings.database_url.get_secret_value())
        stack.push_async_callback(database.close)
        workflows, progress = PostgresWorkflows(database), PostgresProgressLog(database)
        report = await _report_activities(settings, database, stack)
        engine = TemporalEngine(client)
        starting = _starting(settings, workflows, engine)

        stack.push_async_callback(starting.close)
        accept = AcceptScheduledActivities(accepting_once(starting))
        reconcile = _reconcile_activities(settings, database, engine, starting, report)
        closing = ClosingActivities(progress)
        yield WorkerParts(
            {
                names.RESEARCH: (
                    report.store_report_metadata,
                    closing.close_workflow,
                    reconcile.reconcile,
                    accept.accept_scheduled,
                ),
                names.AI_TASKS: (report.llm_call, report.stop_model_calls),
                names.DOCUMENTS: (report.create_pdf,),
                names.NOTIFICATIONS: (report.send_notification,),
            },
            StepInterceptor(progress, identity),
            PostgresWorkerRegistry(database),
        )


def _reconcile_activities(
    settings: Settings, database: Database, engine: TemporalEngine, starting: Starting, report: GenerateReportActivities
) -> ReconcileActivities:
    async def store_later(kept: Mapping[str, Any]) -> None:
        await report.store_report_metadata(StoreReportMetadata.model_validate(kept))

    async def stop_spending(row: WorkflowRow) -> None:
        await report.stop_model_calls(LlmCall(report_id=row.workflow_id, tenant=row.tenant))

    return ReconcileActivities(
        PostgresWorkflows(database),
        PostgresProgressLog(database),
        engine,
        PostgresEffects(database),
        starting.give,
        store_later,
        stop_spending,
        {(report.model.provider, report.model.provider_class): report.model.find_all},
        Orphans(_objects(settings), PostgresNamedObjects(database), _now),
    )


async def _report_activities(settings: Settings, database: Database, stack: AsyncExitStack) -> GenerateReportActivities:
    model = _model(settings)
    stack.push_async_callback(model.close)
    drafts = PostgresDrafts(database)
    stack.push_async_callback(drafts.close)
    renderer = TypstRenderer(settings.renderer_processes, try_seconds=policies.CREATE_PDF.try_seconds)
    await renderer.start()
    stack.push_async_callback(renderer.close)
    effects = EffectRunner(
        PostgresEffects(database),
        PostgresProgressLog(database),
        current_attempt,
        cancel_is_wanted,
        reattach=settings.reattach,
    )
    return GenerateReportActivities(
        workflows=PostgresWorkflows(database),
        effects=effects,
        ledger=PostgresEffects(database),
        current_attempt=current_attempt,
        drafts=drafts,
        model=model,
        objects=_objects(settings),
        renderer=renderer,
        reports=PostgresReports(database),
        notifiers=_notifiers(settings, stack),
        report_url_prefix=settings.public_url or f"http://{settings.host}:{settings.port}",
        model_resend=ResendPolicy(settings.model_resend),
        notification_resend=ResendPolicy(settings.notification_resend),
    )


def _notifiers(settings: Settings, stack: AsyncExitStack) -> Mapping[str, Notifier]:
    secret = settings.webhook_secret.get_secret_value() if settings.webhook_secret else None
    notifiers: dict[str, Notifier] = {
        "log": LogNotifier(),
        "address": AddressNotifier(secret, loopback_too=settings.allow_unsafe_webhooks),
    }
    if settings.smtp_url and settings.email_from:
        notifiers["email"] = EmailNotifier(
            settings.smtp_url.get_secret_value(), settings.email_from, settings.email_recipients
        )
    if settings.slack_bot_token and settings.slack_channel:
        token = settings.slack_bot_token.get_secret_value()
        notifiers["slack"] = SlackNotifier(settings.slack_api_url, token, settings.slack_channel)
    if settings.webhook_url:
        webhook = WebhookNotifier(settings.webhook_url, secret)
        stack.push_async_callback(webhook.close)
        notifiers["webhook"] = webhook
    return notifiers


def _model(settings: Settings) -> OpenAIResponses | OpenAIChat:
    """The model's adapter for the API that the provider speaks; Azure's v1 address speaks OpenAI's own."""
    given: dict[str, Any] = {
        "base_url": settings.openai_base_url,
        "api_key": settings.openai_api_key.get_secret_value() if settings.openai_api_key else "missing",
        "model": settings.openai_model,
        "provider": settings.provider,
        "is_demo": settings.provider == "simulator",
    }
    match settings.openai_api:
        case "chat-stored":
            return OpenAIChat(**given, stored=True, settle_seconds=settings.settle_seconds)
        case "chat":
            return OpenAIChat(**given, stored=False)
        case api:
            return OpenAIResponses(**given, keyed=api == "responses-keyed")


async def prepare_engine(settings: Settings, patience_seconds: float) -> list[str]:
    """Prepare the Temporal namespace and say what was done.

    Raises:
        InfrastructureDown: no server answered in time, or it refused.
    """
    try:
        return await prepare(await connect(None, payload_keys(settings), patience_seconds=patience_seconds))
    except (RPCError, RuntimeError) as cause:
        raise InfrastructureDown(f"temporal does not answer as needed ({cause})") from cause


def migrate_database(settings: Settings) -> None:
    """Bring the schema to the newest version."""
    migrations.upgrade(settings.database_url.get_secret_value())


def database_versions(settings: Settings) -> tuple[str | None, str | None]:
    """The schema's version in the database, and the newest."""
    return migrations.versions(settings.database_url.get_secret_value())
