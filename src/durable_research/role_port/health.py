"""The state of one process that its probes report: written in the event loop, read by the thread of the role's port."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

_TICK_SECONDS = 1.0
# Below this a busy machine would look like a hung process, and the restart would cost more than the wait.
HUNG_AFTER_SECONDS = 15.0


class Stage(StrEnum):
    """How far a process is; only a ready one gets work."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"


@dataclass
class Health:
    """Liveness is the event loop's alone: an outage of Temporal, a database or a provider is no reason for a restart.

    `check` is what readiness needs besides the stage: it returns why the process is not ready, or None. It runs in the thread
    of the role's port, so it must end by itself, also when the event loop hangs.
    """

    clock: Callable[[], float] = time.monotonic
    hung_after: float = HUNG_AFTER_SECONDS
    check: Callable[[], str | None] = lambda: None
    _stage: Stage = field(default=Stage.STARTING, init=False)
    _ticked_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.tick()

    def tick(self) -> None:
        """Note that the event loop runs."""
        self._ticked_at = self.clock()

    async def tick_forever(self) -> None:
        """Tick until cancelled."""
        while True:
            self.tick()
            await asyncio.sleep(_TICK_SECONDS)

    def ready(self) -> None:
        """The process takes work from now on, unless it has begun to drain."""
        if self._stage is Stage.STARTING:
            self._stage = Stage.READY

    def drain(self) -> None:
        """The process takes no more work; there is no way back."""
        self._stage = Stage.DRAINING

    @property
    def why_not_alive(self) -> str | None:
        """The reason to restart the process, or None."""
        silent = self.clock() - self._ticked_at
        return f"the event loop has not run for {silent:.0f} s" if silent > self.hung_after else None

    @property
    def why_not_ready(self) -> str | None:
        """The reason to give the process no work, or None."""
        if self._stage is not Stage.READY:
            return f"the process is {self._stage}"
        return self.why_not_alive or self.check()
