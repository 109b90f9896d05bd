"""Chooses the children's TCP ports: the same ones every time if they are free, and a clear error when one is taken."""

import errno
import random
import socket
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from durable_research.local.data_folder import read_object, write_json
from durable_research.local.errors import LocalError, PortInUse

# Below 32768, where Linux begins to assign ports for outgoing connections: a stored port stays free while we are
# down. Temporal needs its own there too (on PostgreSQL they are stored in a smallint).
CHOICE = range(20_000, 32_000)
PATIENCE_SECONDS = 1.0


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether this process could listen on the port now.

    Raises:
        LocalError: the address is not one of this machine's, or this user may not use the port.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Servers set this too; without it a port that was closed a moment ago would look taken for a minute.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as cause:
            if cause.errno == errno.EADDRINUSE:
                return False
            raise LocalError(f"cannot listen on {host}, port {port}: {cause.strerror}; choose another") from cause
    return True


def holder(port: int) -> str:
    """Name the process that listens on `port`, as far as this user may see it."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status != psutil.CONN_LISTEN or not connection.laddr or not connection.pid:
                continue
            if connection.laddr.port == port:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass  # macOS shows no connections of other users' processes
    return "a process of another user"


def require_free(port: int, host: str) -> None:
    """Wait a moment for a port that one of our stopping processes may still hold.

    Raises:
        PortInUse: names the port and the process that holds it.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_free(port, host):
        if time.monotonic() > deadline:
            raise PortInUse(
                f"port {port} on {host} is in use by {holder(port)}; stop it, or choose another port by --port"
            )
        time.sleep(0.1)


def choose_ports(file: Path, names: Iterable[str]) -> dict[str, int]:
    """Return a port for each name, the last run's if it is free, else a new one; and store them."""
    stored = read_object(file)
    chosen: dict[str, int] = {}
    for name in names:
        before = stored.get(name)
        if isinstance(before, int) and before not in chosen.values() and is_free(before):
            chosen[name] = before
        else:
            chosen[name] = _unused(chosen.values())
    write_json(file, {**stored, **chosen})
    return chosen


def _unused(taken: Iterable[int]) -> int:
    avoid = set(taken)
    for port in random.sample(CHOICE, k=200):
        if port not in avoid and is_free(port):
            return port
    raise LocalError(f"no free port between {CHOICE.start} and {CHOICE.stop - 1}; end some processes and try again")
