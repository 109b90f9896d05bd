"""The guard: a small process that ends our children's process groups when the supervisor was killed and could not.

The parent-death signal (`launch.py`) reaches our children but not *their* children, such as the PDF renderers of a
worker, and exists on Linux only. This process holds the reading end of a pipe whose writing end closes when the
supervisor dies. Runs as a script with the standard library alone; reads `+PID SIGNAL` and `-PID`, one a line. The
argument, if any, is a file that describes the supervisor's children and must be removed with it.
"""

import contextlib
import os
import signal
import sys
import time

PATIENCE_SECONDS = 5.0


def remaining_groups(pipe: int) -> dict[int, int]:
    """Read until the supervisor has ended; return the process groups it left behind, with the signal for each."""
    groups: dict[int, int] = {}
    with os.fdopen(pipe, encoding="ascii") as lines:
        for line in lines:
            fields = line[1:].split()
            if line.startswith("+"):
                groups[int(fields[0])] = int(fields[1])
            else:
                groups.pop(int(fields[0]), None)
    return groups


def send(group: int, signal_number: int) -> bool:
    """Signal one process group; return whether it still had a process."""
    try:
        os.killpg(group, signal_number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def end(groups: dict[int, int]) -> None:
    """Send each group its own signal, wait a little, then SIGKILL the groups that still run."""
    for group, signal_number in groups.items():
        send(group, signal_number)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(send(group, 0) for group in groups) and time.monotonic() < deadline:
        time.sleep(0.05)
    for group in groups:
        send(group, signal.SIGKILL)


def main() -> None:
    """Run until the supervisor has ended; the signals that stop the supervisor must not stop this process."""
    for signal_number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with contextlib.suppress(OSError):
            signal.signal(signal_number, signal.SIG_IGN)
    groups = remaining_groups(sys.stdin.fileno())
    for name in sys.argv[1:]:
        with contextlib.suppress(OSError):
            os.unlink(name)
    end(groups)


if __name__ == "__main__":
    main()
