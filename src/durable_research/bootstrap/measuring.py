"""Opens what a role measures with, and its port for metrics and probes; neither without DURABLE_RESEARCH_METRICS_ADDRESS."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass

from temporalio.runtime import Runtime

from durable_research.catalogue import policies
from durable_research.domain.ledger.effects import EffectKind, ProviderClass
from durable_research.domain.workflows.remedies import REMEDIES
from durable_research.domain.workflows.workflow import Kind
from durable_research.ports.engine.queues import TaskType
from durable_research.queues import QUEUES
from durable_research.role_port.health import Health
from durable_research.role_port.server import RoleApp, RolePort
from durable_research.settings.settings import Settings
from durable_research.telemetry.exposition import Exposition
from durable_research.telemetry.meter import NO_METER, Meter
from durable_research.telemetry.metric import Role, Vocabulary
from durable_research.telemetry.registry import Registry, Vocabularies
from durable_research.temporal.client.sdk_metrics import runtime_on_loopback


@dataclass(frozen=True)
class Measuring:
    """The meter of a process; `text` makes the answer to /metrics, `runtime` is the SDK's, with its own metrics."""

    meter: Meter = NO_METER
    exposition: Exposition | None = None
    runtime: Runtime | None = None

    def check_names(self) -> None:
        """Refuse to start where our metrics and the SDK's have a name in common.

        Raises:
            NameClash: the names.
        """
        if self.exposition:
            self.exposition.check_names()


def worker_measuring(settings: Settings) -> Measuring:
    """For a worker; made once in a process, as the SDK's metrics are."""
    if not settings.metrics_address:
        return Measuring()
    runtime, address = runtime_on_loopback()
    registry = Registry(Role.WORKER, vocabularies(settings))
    return Measuring(registry, Exposition(registry, address), runtime)


def api_measuring(settings: Settings, routes: Collection[str]) -> Measuring:
    """For the API; `routes` may be filled later."""
    if not settings.metrics_address:
        return Measuring()
    registry = Registry(Role.API, vocabularies(settings, routes))
    return Measuring(registry, Exposition(registry))


def vocabularies(settings: Settings, routes: Collection[str] = ()) -> Vocabularies:
    """The values of the labels that the table of metrics leaves open."""
    rows = policies()
    return {
        Vocabulary.WORKFLOW_KIND: frozenset(Kind),
        Vocabulary.STEP: frozenset(rows),
        Vocabulary.UNDO: frozenset(step for step, row in rows.items() if row.undoes),
        Vocabulary.ERROR_CODE: frozenset(REMEDIES),
        Vocabulary.EFFECT_KIND: frozenset(EffectKind),
        Vocabulary.PROVIDER_CLASS: frozenset(ProviderClass),
        Vocabulary.QUEUE: frozenset(QUEUES),
        Vocabulary.TASK_TYPE: frozenset(TaskType),
        Vocabulary.MODEL: frozenset(filter(None, (settings.openai_model, settings.openai_embedding_model))),
        Vocabulary.ROUTE: routes,
    }


@asynccontextmanager
async def open_role_port(settings: Settings, measuring: Measuring, health: Health) -> AsyncIterator[None]:
    """Open the role's port and tick, until the block ends.

    Raises:
        CannotListenThere: another program has the address.
    """
    if not settings.metrics_address or not measuring.exposition:
        yield
        return
    token = settings.metrics_token.get_secret_value() if settings.metrics_token else None
    ticking = asyncio.create_task(health.tick_forever())
    try:
        with RolePort(settings.metrics_address, RoleApp(health, measuring.exposition, token)):
            yield
    finally:
        ticking.cancel()
