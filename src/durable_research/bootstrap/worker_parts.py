"""Builds the activities and clients that a worker process runs."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from temporalio.client import Client

from durable_research import queues
from durable_research.adapters.documents.html import to_html
from durable_research.adapters.languages.langid import LangidLanguages
from durable_research.bootstrap import adapters
from durable_research.bootstrap.outside import Outside, open_outside
from durable_research.bootstrap.starting import open_starting
from durable_research.bootstrap.stores import Stores, open_stores
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
from durable_research.pipelines.reconcile.activities import ReconcileActivities
from durable_research.pipelines.reconcile.passes.every import PassDependencies, every_pass
from durable_research.policies import Patience
from durable_research.ports.database.progress import CurrentAttempt
from durable_research.ports.database.workers import WorkerRegistry
from durable_research.settings.settings import Settings
from durable_research.telemetry.meter import NO_METER, Meter
from durable_research.temporal.client.engine import TemporalEngine
from durable_research.temporal.messages import StopModelCalls
from durable_research.temporal.worker.builtin_activities import ClosingActivities, StoppingActivities
from durable_research.temporal.worker.interceptors import StepInterceptor, cancel_is_requested, current_attempt

Activity = Callable[..., Awaitable[Any]]
Holder = TypeVar("Holder")


@dataclass(frozen=True)
class WorkerParts:
    """All objects that have activities, with the closing activities, the interceptor and the worker registry."""

    holders: tuple[object, ...]
    closing: ClosingActivities
    interceptor: StepInterceptor
    registry: WorkerRegistry

    @property
    def activities(self) -> Mapping[str, tuple[Activity, ...]]:
        """Activities by task queue."""
        return activities_by_queue(self.holders, self.closing)

    def holder(self, kind: type[Holder]) -> Holder:
        """The activity holder of this class."""
        return next(one for one in self.holders if isinstance(one, kind))


@dataclass(frozen=True)
class _Shared:
    """The dependencies that the pipelines' activities share."""

    settings: Settings
    stores: Stores
    outside: Outside
    runner: EffectRunner
    writer: TextWriter
    embedder: Embedder
    stopping: StoppingActivities
    meter: Meter


@asynccontextmanager
async def open_worker_parts(
    settings: Settings, identity: str, client: Client, served: Sequence[str], meter: Meter = NO_METER
) -> AsyncIterator[WorkerParts]:
    """Open the stores, the outside services and the activities of one worker process."""
    async with AsyncExitStack() as stack:
        stores, outside = open_stores(settings, stack, meter), await open_outside(settings, served, stack)
        starting = open_starting(settings, stores, TemporalEngine(client), stack)
        yield worker_parts(settings, identity, stores, outside, starting, meter)


def worker_parts(
    settings: Settings,
    identity: str,
    stores: Stores,
    outside: Outside,
    starting: Starting,
    meter: Meter = NO_METER,
) -> WorkerParts:
    """The activities of one worker on these stores and outside services; it starts workflows by `starting` and its engine."""
    shared = _shared(settings, stores, outside, meter)
    of_pipelines = {
        Kind.REPORT: _report(shared),
        Kind.POST: _post(shared),
        Kind.PROCESSING: AIProcessingActivities(stores.workflows, shared.writer, LangidLanguages()),
    }
    holders = (
        *of_pipelines.values(),
        _reconcile(shared, of_pipelines, starting),
        AcceptScheduledActivities(accepting_once(starting)),
        shared.stopping,
    )
    return WorkerParts(
        holders,
        ClosingActivities(stores.progress),
        StepInterceptor(stores.progress, identity, policies(), _patience(settings), meter),
        stores.workers,
    )


def _shared(settings: Settings, stores: Stores, outside: Outside, meter: Meter) -> _Shared:
    resend = ResendPolicy(settings.model_resend)
    runner = EffectRunner(
        stores.ledger,
        stores.progress,
        current_attempt,
        cancel_is_requested,
        longest_call=settings.longest_call_seconds,
        reattach=settings.reattach,
        meter=meter,
    )
    return _Shared(
        settings=settings,
        stores=stores,
        outside=outside,
        runner=runner,
        writer=TextWriter(runner, current_attempt, stores.drafts, outside.model, stores.objects, resend, meter),
        embedder=Embedder(outside.embedding_model, stores.similarity, stores.objects, resend, meter),
        stopping=StoppingActivities(stores.ledger, stores.progress, outside.model.cancel),
        meter=meter,
    )


def _patience(settings: Settings) -> Patience:
    return Patience(timedelta(seconds=settings.provider_wait), settings.longest_call_seconds)


def activities_by_queue(holders: Iterable[object], closing: ClosingActivities) -> dict[str, tuple[Activity, ...]]:
    """Each activity on its policy's queue; activities that write for a workflow itself are on every queue that runs one."""
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


def _report(shared: _Shared) -> GenerateReportActivities:
    settings, stores, outside = shared.settings, shared.stores, shared.outside
    return GenerateReportActivities(
        workflows=stores.workflows,
        effects=shared.runner,
        writer=shared.writer,
        objects=stores.objects,
        renderer=outside.renderer,
        reports=stores.reports,
        similarity=stores.similarity,
        notifiers=outside.notifiers,
        report_url_prefix=adapters.page_prefix(settings),
        notification_resend=ResendPolicy(settings.notification_resend),
        to_html=to_html,
    )


def _post(shared: _Shared) -> BlogPostActivities:
    return BlogPostActivities(
        workflows=shared.stores.workflows,
        effects=shared.runner,
        writer=shared.writer,
        posts=shared.stores.posts,
        embedder=shared.embedder,
        slack=shared.outside.notifiers.get("slack"),
        post_url_prefix=adapters.page_prefix(shared.settings),
    )


def activities_that_store_late(of_pipelines: Mapping[Kind, object]) -> dict[Kind, StoresLate]:
    """The pipelines' activities that reconciliation calls."""
    return {kind: holder for kind, holder in of_pipelines.items() if isinstance(holder, StoresLate)}


def _reconcile(shared: _Shared, of_pipelines: Mapping[Kind, object], starting: Starting) -> ReconcileActivities:
    stores, model = shared.stores, shared.outside.model

    async def stop_model_calls(workflow_id: str) -> None:
        await shared.stopping.stop_model_calls(StopModelCalls(workflow_id=workflow_id))

    def runner(attempt: CurrentAttempt) -> EffectRunner:
        longest = shared.settings.longest_call_seconds
        return EffectRunner(
            stores.ledger, stores.progress, attempt, lambda: False, longest_call=longest, meter=shared.meter
        )

    return ReconcileActivities(
        every_pass(
            PassDependencies(
                workflows=stores.workflows,
                progress=stores.progress,
                engine=starting.engine,
                ledger=stores.ledger,
                objects=stores.objects,
                named=stores.named_objects,
                now=adapters.now,
                start=starting.submit,
                stop_model_calls=stop_model_calls,
                find_all={(model.provider, model.provider_class): model.find_all},
                embed_missing=LateEmbedder(shared.embedder, runner, adapters.now).embed_missing,
                late=activities_that_store_late(of_pipelines),
                resumable=RESUMABLE_KINDS,
                longest_call=timedelta(seconds=shared.settings.longest_call_seconds),
                meter=shared.meter,
            )
        )
    )
