"""One worker process: a Temporal Worker for each of its task queues, a row in the registry, and an orderly drain."""

import asyncio
import os
import signal
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio.client import Client
from temporalio.worker import Worker

from durable_research import policies, queues
from durable_research.bootstrap.adapters import payload_keys
from durable_research.bootstrap.build import build
from durable_research.bootstrap.measuring import Measuring, open_role_port, worker_measuring
from durable_research.bootstrap.tracing import traces
from durable_research.bootstrap.worker_parts import WorkerParts, open_worker_parts
from durable_research.catalogue import PACKAGES
from durable_research.domain.errors import InfrastructureDown
from durable_research.ports.database.workers import WorkerRegistry, WorkerRow
from durable_research.role_port.health import Health
from durable_research.settings.settings import Settings
from durable_research.telemetry import logs
from durable_research.temporal.client.connection import connect
from durable_research.temporal.worker.plugin import house_rules
from durable_research.worker.registry import workflows_on

_CONNECT_PATIENCE_SECONDS = 60.0
_BEAT_SECONDS = 2.0
# Each queue has its own slots, so that one kind of work that hangs never blocks another. A model call only waits, so one
# process runs many; a render keeps one child process busy, so there are as many slots as children.
_ACTIVITIES_AT_ONCE = {queues.AI_TASKS: 100, queues.NOTIFICATIONS: 50, queues.RESEARCH: 50}
_POLLERS = 2


@dataclass(frozen=True)
class WorkerOptions:
    """Which queues this process serves, under which name."""

    name: str
    queues: tuple[str, ...] = queues.QUEUES


async def run_worker(settings: Settings, options: WorkerOptions) -> None:
    """Run until SIGTERM or SIGINT, then drain: stop polling, finish or hand back the running activities, and return.

    Raises:
        CannotListenThere: the address of the role's port is taken.
    """
    health, measuring = Health(), worker_measuring(settings)
    identity = settings.worker_identity or f"{options.name}@{socket.gethostname()}-{os.getpid()}"
    with logs.context(worker=identity), traces(identity):
        async with open_role_port(settings, measuring, health):
            await _run(settings, options, identity, health, measuring)


async def _run(settings: Settings, options: WorkerOptions, identity: str, health: Health, measuring: Measuring) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    client = await _connected(identity, settings, measuring, stop)
    if client is None:
        return
    measuring.check_names()
    async with (
        open_worker_parts(settings, identity, client, options.queues, measuring.meter) as parts,
        AsyncExitStack() as stack,
    ):
        workers = _workers(client, parts, options.queues, settings)
        for worker in workers:
            await stack.enter_async_context(worker)
        row = _row(identity, options, settings)
        beating = asyncio.create_task(_beat(parts.registry, row))
        health.ready()
        logs.emit(logs.WORKER_READY, identity=identity, queues=options.queues)
        await stop.wait()
        health.drain()
        logs.emit(logs.WORKER_DRAINING, identity=identity)
        # All queues at once: none takes new work while another drains.
        await asyncio.gather(*(worker.shutdown() for worker in workers))
        beating.cancel()
        with suppress(InfrastructureDown):
            await parts.registry.leave(identity)
    logs.emit(logs.WORKER_STOPPED, identity=identity)


def _row(identity: str, options: WorkerOptions, settings: Settings) -> WorkerRow:
    slots = _slots(settings)
    return WorkerRow(
        identity,
        options.name,
        os.getpid(),
        socket.gethostname(),
        options.queues,
        datetime.now(UTC),
        build=build(),
        slots={queue: slots[queue] for queue in options.queues},
    )


def _slots(settings: Settings) -> dict[str, int]:
    """How many activities of each queue run at once."""
    return _ACTIVITIES_AT_ONCE | {queues.DOCUMENTS: settings.renderer_processes}


async def _connected(identity: str, settings: Settings, measuring: Measuring, stop: asyncio.Event) -> Client | None:
    """Connect to Temporal; None when a stop signal arrives while Temporal is still starting.

    Raises:
        InfrastructureDown: Temporal did not start in time.
    """
    connecting = asyncio.create_task(
        connect(
            identity,
            payload_keys(settings),
            patience_seconds=_CONNECT_PATIENCE_SECONDS,
            runtime=measuring.runtime,
        )
    )
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({connecting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not connecting.done():
        connecting.cancel()
        return None
    try:
        return connecting.result()
    except InfrastructureDown as down:
        raise InfrastructureDown(f"{down.detail}; check TEMPORAL_ADDRESS, or run: durable-research up") from down


def _workers(client: Client, parts: WorkerParts, served: Sequence[str], settings: Settings) -> list[Worker]:
    plugin = house_rules(PACKAGES, client.data_converter, [parts.interceptor])
    slots = _slots(settings)
    per_second = {
        queues.AI_TASKS: settings.ai_tasks_per_second,
        queues.NOTIFICATIONS: settings.notifications_per_second,
    }
    beat = policies.HEARTBEAT_EVERY
    return [
        Worker(
            client,
            task_queue=queue,
            workflows=workflows_on(queue),
            activities=parts.activities[queue],
            plugins=[plugin],
            max_concurrent_activities=slots[queue],
            max_task_queue_activities_per_second=per_second.get(queue),
            max_concurrent_workflow_task_polls=_POLLERS,
            max_concurrent_activity_task_polls=_POLLERS,
            sticky_queue_schedule_to_start_timeout=policies.STICKY_TIMEOUT,
            # The SDK throttles heartbeats to 0.8 of their timeout; on a busy machine that looks like a dead worker.
            max_heartbeat_throttle_interval=beat,
            default_heartbeat_throttle_interval=beat,
            graceful_shutdown_timeout=drain_time(queue, settings),
        )
        for queue in served
    ]


def drain_time(queue: str, settings: Settings) -> timedelta:
    """Zero where the provider continues the call or can be polled for it (it is handed back); a plain chat call is lost."""
    is_handed_back = queue == queues.AI_TASKS and settings.openai_api != "chat"
    return timedelta(0) if is_handed_back else timedelta(seconds=settings.drain_seconds)


async def _beat(registry: WorkerRegistry, row: WorkerRow) -> None:
    while True:
        try:
            await registry.heartbeat(row)
        except Exception as error:
            logs.emit(logs.BEAT_FAILED, error=type(error).__name__)
        await asyncio.sleep(_BEAT_SECONDS)
