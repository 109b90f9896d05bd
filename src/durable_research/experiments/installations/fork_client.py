"""The client of `fork_server.py`: requests children and receives the end of each."""

import asyncio
import json
import os
import signal
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from durable_research.local.processes.child import launch_command

_READY_SECONDS = 60.0
_LONGEST_LINE = 1 << 20


class ForkServerEnded(Exception):
    """The fork server, which starts our children, ended; its last output is on standard error."""


class ForkClient:
    """One fork server. Its children die with it, and it dies with this process."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = modules
        self._process: asyncio.subprocess.Process | None = None
        self._receiver: asyncio.Task[None] | None = None
        self._waiting: deque[asyncio.Future[int]] = deque()
        self._ends: dict[int, asyncio.Future[int]] = {}

    async def open(self) -> None:
        """Start the fork server and wait until it has imported all modules."""
        command = launch_command(
            (sys.executable, "-m", "durable_research.experiments.installations.fork_server", *self._modules),
            death_signal=signal.SIGKILL,
        )
        self._process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LONGEST_LINE,
            start_new_session=True,
        )
        async with asyncio.timeout(_READY_SECONDS):
            if "ready" not in await self._next():
                raise ForkServerEnded("it did not say that it is ready")
        self._receiver = asyncio.create_task(self._receive())

    async def close(self) -> None:
        """End the fork server, and with it its running children."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            await self._process.wait()
        if self._receiver is not None:
            await asyncio.gather(self._receiver, return_exceptions=True)

    async def start(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> "ForkedProcess":
        """Start `durable-research ARGUMENTS…` with exactly this environment."""
        if self._process is None or self._process.stdin is None:
            raise ForkServerEnded("it is not open")
        pid: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(pid)
        request = {"arguments": list(arguments), "environment": dict(environment), "log": str(log)}
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        await self._process.stdin.drain()
        number = await pid
        return ForkedProcess(number, self._ends[number])

    async def _receive(self) -> None:
        try:
            while message := await self._next():
                if "started" in message:
                    pid = message["started"]
                    self._ends[pid] = asyncio.get_running_loop().create_future()
                    self._waiting.popleft().set_result(pid)
                else:
                    self._ends.pop(message["ended"]).set_result(message["code"])
        finally:
            for future in (*self._waiting, *self._ends.values()):
                if not future.done():
                    future.cancel()

    async def _next(self) -> dict[str, Any]:
        if self._process is None or self._process.stdout is None:
            return {}
        line = await self._process.stdout.readline()
        message: dict[str, Any] = json.loads(line) if line else {}
        return message


class ForkedProcess:
    """A running program. Its pid may be signalled until `ended` is done: before that the fork server has not reaped it."""

    def __init__(self, pid: int, ended: "asyncio.Future[int]") -> None:
        self.pid = pid
        self.ended = ended

    def send(self, number: int) -> None:
        """Signal the program, unless it has ended."""
        if not self.ended.done():
            os.kill(self.pid, number)
