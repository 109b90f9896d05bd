"""Runs the `api` command: operations, the application on them, and a server around it."""

from durable_research.bootstrap.operations import open_operations
from durable_research.settings.settings import Settings
from durable_research.web.app import create_app
from durable_research.web.http.event_stream import Streams
from durable_research.web.http.server import serve_app


async def serve(settings: Settings) -> None:
    """Serve API and pages until a signal to stop.

    Raises:
        CannotListen: the address cannot be bound.
    """
    async with open_operations(settings) as operations:
        streams = Streams()
        await serve_app(create_app(operations, settings, streams), streams, settings.host, settings.port)
