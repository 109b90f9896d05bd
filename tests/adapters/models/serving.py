"""A provider of the test's own, where the simulator behaves too well."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from quart import Quart

from durable_research.web.http.server import bind


@asynccontextmanager
async def serving(app: Quart) -> AsyncIterator[str]:
    """A real HTTP server in this process."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    with bind("127.0.0.1", 0) as listener:
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task
