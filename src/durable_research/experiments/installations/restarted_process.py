"""One program of a slot, restarted as soon as it ends, with a record of each end."""

import asyncio
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from durable_research.experiments.installations.fork_client import ForkClient, ForkedProcess

_STOP_SECONDS = 20.0


@dataclass(frozen=True)
class Death:
    """A process that ended; the code is negative for a signal."""

    pid: int
    code: int


@dataclass
class RestartedProcess:
    """A worker or an API. `deaths` lists all ends, except stops by `stop`."""

    forks: ForkClient
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    deaths: list[Death] = field(default_factory=list)
    started_again: asyncio.Event = field(default_factory=asyncio.Event)
    _process: ForkedProcess | None = None
    _restarting: asyncio.Task[None] | None = None
    _starts: int = 0

    async def start(self) -> None:
        """Start the program and restart it whenever it ends."""
        await self._launch()
        self._restarting = asyncio.create_task(self._restart_when_ended())

    async def stop(self) -> None:
        """Stop the program as an operator would; kill it if it does not end."""
        if self._restarting is not None:
            self._restarting.cancel()
            await asyncio.gather(self._restarting, return_exceptions=True)
        if self._process is not None:
            self._process.send(signal.SIGCONT)
            self._process.send(signal.SIGTERM)
            await asyncio.wait([self._process.ended], timeout=_STOP_SECONDS)
            self._process.send(signal.SIGKILL)
            await asyncio.wait([self._process.ended])

    @property
    def pid(self) -> int | None:
        """The pid of the running process."""
        return self._process.pid if self._process and not self._process.ended.done() else None

    def is_stopped(self) -> bool:
        """Whether the process is stopped (SIGSTOP)."""
        try:
            return self.pid is not None and psutil.Process(self.pid).status() == psutil.STATUS_STOPPED
        except psutil.Error:
            return False

    async def _launch(self) -> None:
        self._starts += 1
        name = f"{self.log.stem}@{self._starts}"
        environment = {**self.environment, "DURABLE_RESEARCH_WORKER_IDENTITY": name}
        self._process = await self.forks.start(self.arguments, environment, self.log)

    async def _restart_when_ended(self) -> None:
        while self._process is not None:
            # Shielded: cancelling this task must not cancel the future of its end, which `stop` awaits.
            code = await asyncio.shield(self._process.ended)
            self.deaths.append(Death(self._process.pid, code))
            await self._launch()
            self.started_again.set()
