"""How a workflow is started: the same for a person's request, a schedule and reconciliation."""

from contextlib import AsyncExitStack

from durable_research.bootstrap import adapters
from durable_research.bootstrap.stores import Stores
from durable_research.operations.start import Starting
from durable_research.ports.engine.engine import WorkflowEngine
from durable_research.settings.settings import Settings


def open_starting(settings: Settings, stores: Stores, engine: WorkflowEngine, stack: AsyncExitStack) -> Starting:
    """Closed with the stack: reconciliation then delivers the rows that were not yet delivered to the engine."""
    starting = Starting(
        stores.workflows,
        stores.progress,
        engine,
        adapters.now,
        adapters.receivers(settings),
        settings.allow_unsafe_webhooks,
    )
    stack.push_async_callback(starting.close)
    return starting
