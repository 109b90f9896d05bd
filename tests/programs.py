"""Other people's programs, which `tools/setup.sh` puts into the user's cache."""

import socket
from pathlib import Path

from durable_research.local.temporal.binary import default_cache


def installed(what: str, path: str) -> str:
    """A file of what `setup.sh WHAT` installs."""
    program = Path(default_cache(), path)
    assert program.exists(), f"install it with: sh tools/setup.sh {what}"
    return str(program)


def node_program() -> str:
    """The Node that fits all of them: the PATH's may be too old."""
    return installed("azurite", "node")


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
