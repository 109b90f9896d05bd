"""The list of passes, built from their dependencies."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from durable_research import policies
from durable_research.descriptor import StoresLate
from durable_research.domain.ledger.unresolved_sends import Provider
from durable_research.domain.workflows.workflow import Kind
from durable_research.pipelines.reconcile.passes.close_ended import CloseEnded, StopModelCalls
from durable_research.pipelines.reconcile.passes.embed_late import EmbedLate
from durable_research.pipelines.reconcile.passes.forward_cancels import ForwardCancels
from durable_research.pipelines.reconcile.passes.orphans import Orphans
from durable_research.pipelines.reconcile.passes.running import Pass
from durable_research.pipelines.reconcile.passes.sends import CloseAbandoned, FindAll, LookUpSends
from durable_research.pipelines.reconcile.passes.start_accepted import StartAccepted, StartWorkflow
from durable_research.pipelines.reconcile.passes.store_late import StoreLate
from durable_research.ports.clock import Clock
from durable_research.ports.database.ledger import UnresolvedSends
from durable_research.ports.database.progress import ProgressLog
from durable_research.ports.database.workflows import WorkflowsToReconcile
from durable_research.ports.engine.engine import WorkflowEngine
from durable_research.ports.objects import NamedObjects, ObjectStore
from durable_research.telemetry.meter import NO_METER, Meter


@dataclass(frozen=True, kw_only=True)
class PassDependencies:
    """The dependencies of the passes; each pass describes its own."""

    workflows: WorkflowsToReconcile
    progress: ProgressLog
    engine: WorkflowEngine
    ledger: UnresolvedSends
    objects: ObjectStore
    named: NamedObjects
    now: Clock
    start: StartWorkflow
    stop_model_calls: StopModelCalls
    find_all: Mapping[Provider, FindAll]
    embed_missing: Callable[[], Awaitable[int]]
    late: Mapping[Kind, StoresLate]
    resumable: frozenset[Kind]
    longest_call: timedelta = timedelta(seconds=policies.CALL_DEADLINES.longest)
    meter: Meter = NO_METER


def every_pass(dependencies: PassDependencies) -> tuple[Pass, ...]:
    """Each pass once; the passes that a person waits for come first."""
    return (
        StartAccepted(dependencies.workflows, dependencies.start),
        ForwardCancels(dependencies.workflows, dependencies.engine),
        CloseEnded(
            dependencies.workflows,
            dependencies.progress,
            dependencies.engine,
            dependencies.start,
            dependencies.stop_model_calls,
            dependencies.late,
            dependencies.resumable,
        ),
        StoreLate(dependencies.workflows, dependencies.progress, dependencies.late),
        LookUpSends(dependencies.ledger, dependencies.find_all, dependencies.longest_call, dependencies.meter),
        CloseAbandoned(dependencies.ledger),
        Orphans(dependencies.objects, dependencies.named, dependencies.now, dependencies.meter),
        EmbedLate(dependencies.embed_missing),
    )
