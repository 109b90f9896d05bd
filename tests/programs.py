"""Other people's programs, which `tools/setup.sh` puts into the user's cache."""

import itertools
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

from durable_research.local.processes.ports import CHOICE, is_free
from durable_research.local.temporal.binary import default_cache


def installed(what: str, path: str) -> str:
    """A file installed by `setup.sh WHAT`."""
    program = Path(default_cache(), path)
    assert program.exists(), f"install it with: sh tools/setup.sh {what}"
    return str(program)


def promtool() -> str:
    """Prometheus' own checker: the PATH's, else what `setup.sh` has unpacked."""
    return shutil.which("promtool") or installed("prometheus", "prometheus/usr/bin/promtool")


def node_program() -> str:
    """The Node that fits all of them: the PATH's may be too old."""
    return installed("azurite", "node")


_SHARES = 10


def _share_of_ports() -> Iterator[int]:
    """The fixed ports of this pytest worker: below those that `up` and Linux pick by themselves.

    A port is free until its server listens, which takes seconds: two workers with the same ports would collide at times.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = list(range(10_000 + worker % _SHARES, CHOICE.start, _SHARES))
    random.shuffle(share)  # another run on this machine has the same shares
    return itertools.cycle(share)


_PORTS = _share_of_ports()


def free_port() -> int:
    """A loopback port on which nothing listens now, and that no other worker picks."""
    return next(port for port in _PORTS if is_free(port))
