"""Checks the dependencies for operators: how long each takes to answer, and the last error that this process saw."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from durable_research.operations.reading.within import found_or_problem
from durable_research.ports.clock import Clock
from durable_research.ports.health import Health


@dataclass(frozen=True)
class Dependency:
    """A dependency; its answer is kept for `keep_seconds`, so that viewers of a page do not load an outside service."""

    health: Health
    keep_seconds: float = 0.0


@dataclass(frozen=True)
class Checked:
    """One check: no `problem` when it answered, after so many milliseconds."""

    name: str
    checked_at: datetime
    milliseconds: float
    problem: str | None = None
    last_error: str | None = None
    last_error_at: datetime | None = None


@dataclass
class DependencyChecks:
    """Every check has the same deadline. What was found is remembered while the process lives."""

    dependencies: Sequence[Dependency]
    now: Clock
    seconds: float = 2.0
    _latest: dict[str, Checked] = field(default_factory=dict)

    async def check(self) -> Sequence[Checked]:
        """Check all at once."""
        return await asyncio.gather(*(self._checked(one) for one in self.dependencies))

    async def _checked(self, dependency: Dependency) -> Checked:
        name, now = dependency.health.name, self.now()
        before = self._latest.get(name)
        if before and (now - before.checked_at).total_seconds() < dependency.keep_seconds:
            return before
        began = time.monotonic()
        _, problem = await found_or_problem(dependency.health.check(), self.seconds)
        found = Checked(name, now, (time.monotonic() - began) * 1000, problem)
        if problem:
            found = replace(found, last_error=problem, last_error_at=now)
        elif before:
            found = replace(found, last_error=before.last_error, last_error_at=before.last_error_at)
        self._latest[name] = found
        return found
