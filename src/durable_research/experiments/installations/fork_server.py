"""Starts our own programs without reading their modules anew: one process has imported everything and forks a child for each.

Reading the modules takes two seconds of a core, and the crash table starts thousands of workers. What is spared is only that:
each child is a process of its own, with its own connections, killed by a real signal and reaped with its real status. Nothing
may be running here but this loop: a fork copies no other thread. Run by `fork_client.py` as
`python -m durable_research.experiments.installations.fork_server MODULE…`; speaks JSON, one line a message.
"""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import sys
from typing import Any

from durable_research.launch import tie_to_parent

_PROGRAM = "durable_research"
_LOOK_SECONDS = 0.02


def main(modules: list[str]) -> None:
    """Import, then start what is asked for and tell who ended, until standard input ends."""
    for module in modules:
        importlib.import_module(module)
    gc.freeze()  # the children share these pages as long as nobody writes to them
    _tell({"ready": os.getpid()})
    rest = b""
    while True:
        readable, _, _ = select.select([0], [], [], _LOOK_SECONDS)
        if readable:
            chunk = os.read(0, 1 << 16)
            if not chunk:
                return
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                _tell({"started": _start(json.loads(line))})
        _tell_ends()


def _tell_ends() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _tell({"ended": pid, "code": os.waitstatus_to_exitcode(status)})


def _tell(message: dict[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def _start(asked: dict[str, Any]) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        _become(asked, parent)
        runpy.run_module(_PROGRAM, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 1)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    os._exit(1)


def _become(asked: dict[str, Any], parent: int) -> None:
    """Our own session, environment and log; and no life without the forks (Linux)."""
    os.setsid()
    tie_to_parent(parent, signal.SIGKILL)
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = [_PROGRAM, *asked["arguments"]]


if __name__ == "__main__":
    main(sys.argv[1:])
