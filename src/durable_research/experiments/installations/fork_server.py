"""The fork server: starts our programs without importing their modules again, by a fork of one process that has them.

The imports take two seconds of a core, and the crash table starts thousands of workers. Only the imports are saved: each
child is a separate process, with its own connections, killed by a real signal and reaped with its real status. Nothing but
this loop may run here: a fork copies no other thread. Run by `fork_client.py` as
`python -m durable_research.experiments.installations.fork_server MODULE…`; the protocol is JSON, one line a message.
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
_POLL_SECONDS = 0.02


def main(modules: list[str]) -> None:
    """Import the modules, then start children on request and report each end, until standard input closes."""
    for module in modules:
        importlib.import_module(module)
    gc.freeze()  # the children share these pages as long as no process writes to them
    _send({"ready": os.getpid()})
    rest = b""
    while True:
        readable, _, _ = select.select([0], [], [], _POLL_SECONDS)
        if readable:
            chunk = os.read(0, 1 << 16)
            if not chunk:
                return
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                _send({"started": _start(json.loads(line))})
        _report_ends()


def _report_ends() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _send({"ended": pid, "code": os.waitstatus_to_exitcode(status)})


def _send(message: dict[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def _start(request: dict[str, Any]) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        _set_up_child(request, parent)
        runpy.run_module(_PROGRAM, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 1)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    os._exit(1)


def _set_up_child(request: dict[str, Any], parent: int) -> None:
    """Set up the child's own session, environment and log; the child dies with the fork server (Linux)."""
    os.setsid()
    tie_to_parent(parent, signal.SIGKILL)
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = [_PROGRAM, *request["arguments"]]


if __name__ == "__main__":
    main(sys.argv[1:])
