"""What a worker process runs, put together."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.client import Client

from durable_research import queues
from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.ledger.effects import PostgresEffects
from durable_research.adapters.database.log.drafts import PostgresDrafts
from durable_research.adapters.database.log.progress import PostgresProgressLog
from durable_research.adapters.database.rows.named_objects import PostgresNamedObjects
from durable_research.adapters.database.rows.posts import PostgresPosts
from durable_research.adapters.database.rows.reports import PostgresReports
from durable_research.adapters.database.rows.similarity import PostgresSimilarity
from durable_research.adapters.database.rows.workers import PostgresWorkerRegistry
from durable_research.adapters.database.rows.workflows import PostgresWorkflows
from durable_research.adapters.documents.html import to_html
from durable_research.adapters.documents.typst import TypstRenderer
from durable_research.adapters.languages.langid import LangidLanguages
from durable_research.bootstrap import adapters
from durable_research.catalogue import RESUMABLE_KINDS, policies, runs_workflows
from durable_research.descriptor import StoresLate
from durable_research.domain.ledger.effects import ResendPolicy
from durable_research.domain.workflows.workflow import Kind
from durable_research.effects.embedding import Embedder, LateEmbedder
from durable_research.effects.runner import EffectRunner
from durable_research.effects.text import TextWriter
from durable_research.operations.schedule import accepting_once
from durable_research.operations.start import Starting
from durable_research.pipelines.accept_scheduled.activities import AcceptScheduledActivities
from durable_research.pipelines.ai_processing.activities import AIProcessingActivities
from durable_research.pipelines.blog_post.activities import BlogPostActivities
from durable_research.pipelines.generate_report.activities import GenerateReportActivities
from durable_research.pipelines.generate_report.pipeline import CREATE_PDF
from durable_research.pipelines.reconcile.activities import ReconcileActivities
from durable_research.pipelines.reconcile.passes.every import Needs, every_pass
from durable_research.policies import Patience
from durable_research.ports.database.progress import CurrentAttempt
from durable_research.ports.database.workers import WorkerRegistry
from durable_research.settings.settings import Settings
from durable_research.temporal.client.engine import TemporalEngine
from durable_research.temporal.messages import StopModelCalls
from durable_research.temporal.worker.builtin_activities import ClosingActivities, StoppingActivities
from durable_research.temporal.worker.interceptors import StepInterceptor, cancel_is_wanted, current_attempt

Activity = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class WorkerParts:
    """Activities by task queue, and what surrounds them."""

    activities: Mapping[str, tuple[Activity, ...]]
    interceptor: StepInterceptor
    registry: WorkerRegistry


class _Shared:
    """What the pipelines' activities have in common."""

    def __init__(self, settings: Settings, database: Database, client: Client, stack: AsyncExitStack) -> None:
        self.settings = settings
        self.database = database
        self.workflows = PostgresWorkflows(database)
        self.progress = PostgresProgressLog(database)
        self.ledger = PostgresEffects(database)
        self.objects = adapters.objects(settings)
        self.engine = TemporalEngine(client)
        self.model = adapters.model(settings)
        stack.push_async_callback(self.model.close)
        self.drafts = PostgresDrafts(database)
        stack.push_async_callback(self.drafts.close)
        self.notifiers = adapters.notifiers(settings, stack)
        self.runner = EffectRunner(
            self.ledger,
            self.progress,
            current_attempt,
            cancel_is_wanted,
            longest_call=settings.longest_call_seconds,
            reattach=settings.reattach,
        )
        self.writer = TextWriter(
            self.runner, current_attempt, self.drafts, self.model, self.objects, ResendPolicy(settings.model_resend)
        )
        embeddings = adapters.embedding_model(settings)
        if embeddings:
            stack.push_async_callback(embeddings.close)
        self.embedder = Embedder(
            embeddings, PostgresSimilarity(database), self.objects, ResendPolicy(settings.model_resend)
        )
        self.stopping = StoppingActivities(self.ledger, self.progress, self.model.cancel)


@asynccontextmanager
async def open_worker_parts(
    settings: Settings, identity: str, client: Client, served: Sequence[str]
) -> AsyncIterator[WorkerParts]:
    """Adapters and activities of one worker process; a renderer is only started where documents are rendered."""
    async with AsyncExitStack() as stack:
        database = Database(settings.database_url.get_secret_value())
        stack.push_async_callback(database.close)
        shared = _Shared(settings, database, client, stack)
        renderer = TypstRenderer(settings.renderer_processes, try_seconds=CREATE_PDF.try_seconds)
        stack.push_async_callback(renderer.close)
        if queues.DOCUMENTS in served:
            await renderer.start()
        starting = Starting(
            shared.workflows,
            shared.progress,
            shared.engine,
            adapters.now,
            adapters.receivers(settings),
            settings.allow_unsafe_webhooks,
        )
        stack.push_async_callback(starting.close)
        of_pipelines = {
            Kind.REPORT: _report(shared, renderer),
            Kind.POST: _post(shared),
            Kind.PROCESSING: AIProcessingActivities(shared.workflows, shared.writer, LangidLanguages()),
        }
        holders = (
            *of_pipelines.values(),
            _reconcile(shared, of_pipelines, starting),
            AcceptScheduledActivities(accepting_once(starting)),
            shared.stopping,
        )
        yield WorkerParts(
            activities_by_queue(holders, ClosingActivities(shared.progress)),
            StepInterceptor(shared.progress, identity, policies(), _patience(settings)),
            PostgresWorkerRegistry(database),
        )


def _patience(settings: Settings) -> Patience:
    return Patience(timedelta(seconds=settings.provider_wait), settings.longest_call_seconds)


def activities_by_queue(holders: Iterable[object], closing: ClosingActivities) -> dict[str, tuple[Activity, ...]]:
    """Each activity on the queue that its policy names; what writes for a workflow itself is wherever one may live."""
    found: dict[str, list[Activity]] = {queue: [] for queue in queues.QUEUES}
    for holder in holders:
        for step, policy in policies().items():
            if hasattr(holder, step):
                found[policy.queue].append(getattr(holder, step))
    writing = (closing.close_workflow, closing.note_approval)
    return {
        queue: (*activities, *writing) if runs_workflows(queue) else tuple(activities)
        for queue, activities in found.items()
    }


def _report(shared: _Shared, renderer: TypstRenderer) -> GenerateReportActivities:
    settings = shared.settings
    return GenerateReportActivities(
        workflows=shared.workflows,
        effects=shared.runner,
        writer=shared.writer,
        objects=shared.objects,
        renderer=renderer,
        reports=PostgresReports(shared.database),
        similarity=PostgresSimilarity(shared.database),
        notifiers=shared.notifiers,
        report_url_prefix=adapters.page_prefix(settings),
        notification_resend=ResendPolicy(settings.notification_resend),
        to_html=to_html,
    )


def _post(shared: _Shared) -> BlogPostActivities:
    return BlogPostActivities(
        workflows=shared.workflows,
        effects=shared.runner,
        writer=shared.writer,
        posts=PostgresPosts(shared.database),
        embedder=shared.embedder,
        slack=shared.notifiers.get("slack"),
        post_url_prefix=adapters.page_prefix(shared.settings),
    )


def those_that_store_late(of_pipelines: Mapping[Kind, object]) -> dict[Kind, StoresLate]:
    """The pipelines' activities that have a part in reconciliation."""
    return {kind: holder for kind, holder in of_pipelines.items() if isinstance(holder, StoresLate)}


def _reconcile(shared: _Shared, of_pipelines: Mapping[Kind, object], starting: Starting) -> ReconcileActivities:
    async def stop_spending(workflow_id: str) -> None:
        await shared.stopping.stop_model_calls(StopModelCalls(workflow_id=workflow_id))

    def runner(attempt: CurrentAttempt) -> EffectRunner:
        longest = shared.settings.longest_call_seconds
        return EffectRunner(shared.ledger, shared.progress, attempt, lambda: False, longest_call=longest)

    return ReconcileActivities(
        every_pass(
            Needs(
                workflows=shared.workflows,
                progress=shared.progress,
                engine=shared.engine,
                ledger=shared.ledger,
                objects=shared.objects,
                named=PostgresNamedObjects(shared.database),
                now=adapters.now,
                start=starting.submit,
                stop_spending=stop_spending,
                find_all={(shared.model.provider, shared.model.provider_class): shared.model.find_all},
                embed_missing=LateEmbedder(shared.embedder, runner, adapters.now).embed_missing,
                late=those_that_store_late(of_pipelines),
                resumable=RESUMABLE_KINDS,
                longest_call=timedelta(seconds=shared.settings.longest_call_seconds),
            )
        )
    )
