"""One child process from its start until it is reaped: own process group, own log file, never running without its supervisor.

A child is only signalled before it has been reaped, while its pid is still reserved: after that, the system may give the
same number to another process.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from durable_research import launch
from durable_research.local.console import Say
from durable_research.local.processes import guard

LOG_LIMIT_BYTES = 8 * 1024 * 1024
POLL_SECONDS = 0.05
CAN_LOOK_WITHOUT_REAPING = hasattr(os, "waitid")  # not on macOS before Python 3.13


@dataclass(frozen=True)
class Account:
    """The user and group a child runs as."""

    user: int
    group: int


@dataclass(frozen=True)
class ChildSpec:
    """The program of a child, and how the supervisor starts and stops it.

    `death_signal` is sent to it when the supervisor dies; `stage` orders the stop, highest first; `identity_variable`
    names the environment variable that holds the child's identity; `tries` is how often a first start may fail.
    """

    name: str
    role: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    log: Path
    ready: "Check"
    healthy: "Check | None" = None
    account: Account | None = None
    stop_signal: int = signal.SIGTERM
    death_signal: int = signal.SIGKILL
    grace_seconds: float = 10.0
    ready_seconds: float = 60.0
    tries: int = 1
    stage: int = 0
    identity_variable: str | None = None


class Guard:
    """Our end of the pipe to `guard.py`, which is notified of every child when it starts and when it has ended.

    `runtime_file` is a file that the guard removes when we die.
    """

    def __init__(self, runtime_file: Path | None = None) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own script
            [sys.executable, "-I", "-S", guard.__file__, *([str(runtime_file)] if runtime_file else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def watch(self, pid: int, death_signal: int) -> None:
        """From now on the guard ends this child's process group when we die."""
        self._send(f"+{pid} {death_signal:d}")

    def unwatch(self, pid: int) -> None:
        """The child has ended; call this before it is reaped, when the system may use its pid again."""
        self._send(f"-{pid}")

    def close(self) -> None:
        """End the guard; when it watches no child any more, it signals no process."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process.wait()

    def _send(self, line: str) -> None:
        # The guard may have been killed: then only the parent-death signal protects, which is no reason to stop.
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError, ValueError):
                self._process.stdin.write(f"{line}\n".encode())
                self._process.stdin.flush()


class Child:
    """A started process. Create it with `Child.start`, wait with `exited`, and always finish with `stop`."""

    def __init__(self, spec: ChildSpec, process: subprocess.Popen[bytes], log_offset: int, watched_by: Guard) -> None:
        self.spec = spec
        self.pid = process.pid
        self.started_at = time.monotonic()
        self._process = process
        self._log_offset = log_offset
        self._guard = watched_by
        self._reaped = False

    @classmethod
    def start(cls, spec: ChildSpec, watched_by: Guard, extra_env: Mapping[str, str] | None = None) -> "Child":
        """Start the program in a process group of its own: Ctrl-C in the terminal must reach only the supervisor."""
        spec.log.parent.mkdir(parents=True, exist_ok=True)
        trim_log(spec.log)
        with spec.log.open("ab") as log:
            offset = log.tell()
            process = subprocess.Popen(  # noqa: S603 - the programs of plan.py
                launch_command(spec.argv, death_signal=spec.death_signal, account=spec.account),
                env={**spec.env, **(extra_env or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd="/" if spec.account else None,  # another user may not have access to our current folder
            )
        watched_by.watch(process.pid, spec.death_signal)
        return cls(spec, process, offset, watched_by)

    def exit_code(self) -> int | None:
        """Return the exit code (negative: the signal that killed it), or None while it runs; does not reap it."""
        if self._process.returncode is None and CAN_LOOK_WITHOUT_REAPING:
            state = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if state is None:
                return None
            return state.si_status if state.si_code == os.CLD_EXITED else -state.si_status
        return self._process.poll()

    async def exited(self) -> int:
        """Wait for the end and return the exit code."""
        while (code := self.exit_code()) is None:  # noqa: ASYNC110 - the kernel sets no asyncio.Event
            await asyncio.sleep(POLL_SECONDS)
        return code

    async def stop(self, say: Say, hurry: asyncio.Event | None = None, grace_seconds: float | None = None) -> None:
        """Send the stop signal, SIGKILL after the grace period or when hurried, and leave no process of its group behind."""
        grace = self.spec.grace_seconds if grace_seconds is None else min(grace_seconds, self.spec.grace_seconds)
        if self.exit_code() is None:
            self._signal(self.spec.stop_signal)
            if not await self._ended_in_time(grace, hurry or asyncio.Event()):
                say(f"{self.spec.name} (pid {self.pid}) did not stop in time: killing it")
                self.kill()
                await self.exited()
        self.reap()

    def kill(self) -> None:
        """SIGKILL the whole process group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def reap(self) -> None:
        """Kill the processes that the dead child left in its group, then reap it; does nothing the second time."""
        if not self._reaped:
            self._reaped = True
            self.kill()
            self._guard.unwatch(self.pid)
            self._process.wait()

    def log_since_start(self) -> str:
        """The output of this child since its start."""
        try:
            with self.spec.log.open("rb") as log:
                log.seek(self._log_offset)
                return log.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def last_lines(self, count: int = 15) -> str:
        """The end of its log, for an error message."""
        return "\n".join(self.log_since_start().splitlines()[-count:])

    def trim_log(self) -> None:
        """Limit the size of a long-running child's log."""
        if trim_log(self.spec.log):
            self._log_offset = 0

    async def _ended_in_time(self, grace_seconds: float, hurry: asyncio.Event) -> bool:
        deadline = time.monotonic() + grace_seconds
        while self.exit_code() is None:
            if hurry.is_set() or time.monotonic() > deadline:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return True

    def _signal(self, signal_number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal_number)


Check = Callable[[Child], Awaitable[bool]]


def launch_command(argv: tuple[str, ...], *, death_signal: int, account: Account | None = None) -> list[str]:
    """Return the command line that starts `argv` through `launch.py`.

    The kernel ties a child to the *thread* that started it: start children only from a thread that runs as long.
    """
    user, group = (account.user, account.group) if account else (-1, -1)
    numbers = (str(int(number)) for number in (os.getpid(), death_signal, user, group))
    program = shutil.which(argv[0]) or argv[0]
    return [sys.executable, "-I", "-S", launch.__file__, *numbers, program, *argv[1:]]


def trim_log(log: Path, limit_bytes: int = LOG_LIMIT_BYTES) -> bool:
    """Move a log that has grown too long to `NAME.log.1`, and return whether it did.

    Copied and truncated rather than renamed: a running child continues to write to the same open file, in append mode.
    """
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > limit_bytes:
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            os.truncate(log, 0)
            return True
    return False
