"""Runs the `api` command: operations, the application on them, a server around it, and the role's port beside it."""

import asyncio
import os
import socket
from collections.abc import Callable

from durable_research.bootstrap.measuring import api_measuring, open_role_port
from durable_research.bootstrap.operations import open_operations
from durable_research.bootstrap.tracing import traces
from durable_research.domain.errors import InfrastructureDown
from durable_research.operations.facade import Operations
from durable_research.role_port.health import Health
from durable_research.settings.settings import Settings
from durable_research.web.app import create_app
from durable_research.web.http.event_stream import Streams
from durable_research.web.http.measured import routes_of
from durable_research.web.http.server import serve_app

# Below the shortest usual probe timeout (1 s is Kubernetes' own default).
_READY_SECONDS = 0.8


async def serve(settings: Settings) -> None:
    """Serve API and pages until a signal to stop.

    Raises:
        CannotListen: the address cannot be bound.
        CannotListenThere: that of the role's port cannot.
    """
    health = Health()
    routes: set[str] = set()
    measuring = api_measuring(settings, routes)
    with traces(f"api@{socket.gethostname()}-{os.getpid()}"):
        async with (
            open_role_port(settings, measuring, health),
            open_operations(settings, measuring.meter) as operations,
        ):
            health.check = database_check(operations)
            streams = Streams(meter=measuring.meter)
            app = create_app(operations, settings, streams, measuring.meter)
            routes |= routes_of(app)
            await serve_app(app, streams, settings.host, settings.port, health)


def database_check(operations: Operations) -> Callable[[], str | None]:
    """A check of the database for the thread of the role's port: why work cannot be accepted, or None."""
    loop = asyncio.get_running_loop()

    async def check() -> None:
        async with asyncio.timeout(_READY_SECONDS):
            await operations.check_ready()

    def ask() -> str | None:
        asked = asyncio.run_coroutine_threadsafe(check(), loop)
        try:
            asked.result(_READY_SECONDS)
        except (InfrastructureDown, TimeoutError):
            asked.cancel()
            return "the database does not answer"
        return None

    return ask
