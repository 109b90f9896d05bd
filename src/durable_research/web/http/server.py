"""uvicorn inside our own process: our socket, our signals, and streams that end before the server waits."""

import asyncio
import errno
import logging
import signal
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

import uvicorn
from quart import Quart

from durable_research.role_port.health import Health
from durable_research.telemetry import logs
from durable_research.web.http.event_stream import Streams
from durable_research.web.http.protocol import BoundedProtocol

# Streams end at once in a drain; this is for a request that is being answered. Below the 30 s of Kubernetes.
_DRAIN_SECONDS = 10
# Longer than clients and proxies keep an idle connection (5 to 60 s), so that they close it: when both close at
# the same moment, a request is lost on its way.
_IDLE_SECONDS = 75
_BACKLOG = 2048


class CannotListen(Exception):
    """The address cannot be listened on; the message has the reason and the remedy."""


def bind(host: str, port: int) -> socket.socket:
    """Bind the address.

    Raises:
        CannotListen: another program has it, or this user may not bind it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol by name: asyncio turns Nagle's delay off only for sockets with protocol TCP, and with it on, every answer on
    # a reused connection waits 40 ms between its head and its body (measured).
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as cause:
        listener.close()
        if cause.errno == errno.EADDRINUSE:
            raise CannotListen(
                f"port {port} on {host} is in use by another program; stop it, or set DURABLE_RESEARCH_PORT"
            ) from cause
        raise CannotListen(f"cannot listen on {host}:{port}: {cause.strerror}") from cause
    listener.setblocking(False)
    return listener


class Server(uvicorn.Server):
    """uvicorn's server without its signal handling, which would end the process before our own resources are closed."""

    def __init__(self, app: Quart, streams: Streams, url: str, health: Health) -> None:
        config = uvicorn.Config(
            app,
            http=BoundedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,  # no proxy is trusted to name the client
            server_header=False,
            timeout_graceful_shutdown=_DRAIN_SECONDS,
            timeout_keep_alive=_IDLE_SECONDS,
        )
        # Its warnings are about what clients send; each such request gets an answer instead of a line.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        super().__init__(config)
        self._streams = streams
        self._url = url
        self._health = health

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and log that."""
        await super().startup(sockets)
        self._health.ready()
        logs.emit(logs.API_READY, url=self._url)

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to `serve_app`."""
        yield

    def stop(self) -> None:
        """Drain: be not ready before the listener closes, and end the streams, as the server waits for them.

        A second call does not wait.
        """
        self._health.drain()
        self.force_exit = self.should_exit
        self._streams.drain()
        self.should_exit = True


async def serve_app(app: Quart, streams: Streams, host: str, port: int, health: Health) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is being answered.

    Raises:
        CannotListen: the address cannot be bound.
    """
    listener = bind(host, port)
    name = f"[{host}]" if ":" in host else host
    server = Server(app, streams, f"http://{name}:{listener.getsockname()[1]}", health)
    with _on_signals(server.stop):
        await server.serve(sockets=[listener])


@contextmanager
def _on_signals(stop: Callable[[], None]) -> Generator[None, None, None]:
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    # Only the main thread may; a server in another thread (a test's) is stopped by its owner.
    with suppress(RuntimeError, ValueError):
        for one in signals:
            loop.add_signal_handler(one, stop)
    try:
        yield
    finally:
        with suppress(RuntimeError, ValueError):
            for one in signals:
                loop.remove_signal_handler(one)
