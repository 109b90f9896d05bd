"""The supervisor: starts the children, waits until they are ready, restarts dead ones, stops all in order."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from durable_research.local.console import Say
from durable_research.local.errors import StartFailed
from durable_research.local.processes.child import Check, Child, ChildSpec, Guard
from durable_research.local.up import RunningProcess

READY_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Pace:
    """How quickly the supervisor reacts; tests shorten it.

    The first backoff is 2 s on purpose: another worker takes over the step before the dead worker has restarted.
    """

    first_backoff_seconds: float = 2.0
    longest_backoff_seconds: float = 30.0
    healthy_again_seconds: float = 60.0
    check_every_seconds: float = 5.0
    check_timeout_seconds: float = 5.0
    # Three in a row: on a busy machine one late answer is no failure, and a restart costs more than waiting.
    checks_failed_in_a_row: int = 3
    # A process that has not answered for so long will hardly stop in order.
    unresponsive_grace_seconds: float = 3.0


@dataclass
class _Supervised:
    spec: ChildSpec
    child: Child | None = None
    identity: str = ""
    backoff_seconds: float = 0.0
    watcher: asyncio.Task[None] | None = field(default=None, repr=False)


class Supervisor:
    """Starts, watches and stops every child.

    `next_start` numbers the starts of a name; `on_change` is called whenever a child starts or ends; `runtime_file` is a file
    that is removed even when we are killed.
    """

    def __init__(
        self,
        say: Say,
        next_start: Callable[[str], int],
        on_change: Callable[[], None],
        *,
        pace: Pace | None = None,
        runtime_file: Path | None = None,
    ) -> None:
        self._say = say
        self._next_start = next_start
        self._on_change = on_change
        self._pace = pace or Pace()
        self._guard = Guard(runtime_file)
        self._supervised: dict[str, _Supervised] = {}
        self._hurry = asyncio.Event()

    def processes(self) -> tuple[RunningProcess, ...]:
        """List the children that run now, without those that wait for a restart."""
        return tuple(
            RunningProcess(each.spec.role, name, each.child.pid, each.identity)
            for name, each in self._supervised.items()
            if each.child is not None
        )

    async def start(self, spec: ChildSpec) -> None:
        """Start a child, wait until it is ready, and supervise it from then on.

        Raises:
            StartFailed: it ended or was not ready in time; the text ends with the last lines of its log.
        """
        supervised = self._supervised[spec.name] = _Supervised(spec)
        for tries_left in reversed(range(spec.tries)):
            child = self._launch(supervised)
            failure = await self._failure_at_start(child)
            if failure is None:
                break
            await self._stop_child(supervised)
            if not tries_left:
                raise StartFailed(f"{spec.name} {failure}; the end of {spec.log}:\n{child.last_lines()}")
            await asyncio.sleep(1)
        self._say(f"{spec.name} is ready after {time.monotonic() - child.started_at:.1f} s (pid {child.pid})")
        supervised.watcher = asyncio.create_task(self._watch(supervised), name=f"watch {spec.name}")

    async def run_to_end(self, spec: ChildSpec) -> None:
        """Run a program that ends by itself within `ready_seconds`.

        Raises:
            StartFailed: it failed or took too long; the text ends with the last lines of its log.
        """
        child = Child.start(spec, self._guard)
        try:
            async with asyncio.timeout(spec.ready_seconds):
                code = await child.exited()
        except TimeoutError:
            code = None
        finally:
            child.reap()
        if code != 0:
            reason = f"did not finish within {spec.ready_seconds:.0f} s" if code is None else _ended(code)
            raise StartFailed(f"{spec.name} {reason}; the end of {spec.log}:\n{child.last_lines()}")

    async def hold_down(self, name: str, seconds: float) -> None:
        """Kill a child, keep it down for a while, then start it again: an outage by fault injection."""
        supervised = self._supervised[name]
        if supervised.watcher is not None:
            supervised.watcher.cancel()
            await asyncio.gather(supervised.watcher, return_exceptions=True)
        if supervised.child is not None:
            supervised.child.kill()
        await self._stop_child(supervised)
        self._say(f"{name} is held down for {seconds:g} s")
        await asyncio.sleep(seconds)
        await self.start(supervised.spec)

    def hurry(self) -> None:
        """End the grace period: children that are still stopping are killed."""
        self._hurry.set()

    async def stop(self) -> None:
        """Stop every child, the highest stage first and each stage together; no child runs when this returns."""
        watchers = [each.watcher for each in self._supervised.values() if each.watcher is not None]
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        for stage in sorted({each.spec.stage for each in self._supervised.values()}, reverse=True):
            stopping = [
                each for each in self._supervised.values() if each.spec.stage == stage and each.child is not None
            ]
            if stopping:
                self._say(f"stopping {', '.join(each.spec.name for each in stopping)}")
                await asyncio.gather(*(self._stop_child(each) for each in stopping))
        self._guard.close()

    def _launch(self, supervised: _Supervised) -> Child:
        spec = supervised.spec
        supervised.identity = f"{spec.name}@{self._next_start(spec.name)}"
        extra = {spec.identity_variable: supervised.identity} if spec.identity_variable else None
        supervised.child = Child.start(spec, self._guard, extra)
        self._on_change()
        return supervised.child

    async def _stop_child(self, supervised: _Supervised, grace_seconds: float | None = None) -> None:
        if supervised.child is not None:
            await supervised.child.stop(self._say, self._hurry, grace_seconds)
            supervised.child = None
            self._on_change()

    async def _failure_at_start(self, child: Child) -> str | None:
        """Return why the child did not become ready, or None when it did."""
        deadline = child.started_at + child.spec.ready_seconds
        while True:
            code = child.exit_code()
            if code is not None:
                return f"{_ended(code)} before it was ready"
            if await self._passes(child, child.spec.ready):
                return None
            if time.monotonic() > deadline:
                return f"was not ready after {child.spec.ready_seconds:.0f} s"
            await asyncio.sleep(READY_POLL_SECONDS)

    async def _watch(self, supervised: _Supervised) -> None:
        """Restart the child whenever it dies or stops answering, with a growing backoff between the tries."""
        failure = await self._failure_while_running(supervised)
        while True:
            await self._pause(supervised, failure)
            try:
                child = self._launch(supervised)
            except OSError as cause:  # a full disk, no more processes: may pass
                failure = f"could not be started ({cause})"
                continue
            start_failure = await self._failure_at_start(child)
            if start_failure is None:
                self._say(f"{supervised.spec.name} is ready again (pid {child.pid}, {supervised.identity})")
            failure = start_failure or await self._failure_while_running(supervised)

    async def _pause(self, supervised: _Supervised, failure: str) -> None:
        child, pace = supervised.child, self._pace
        if child is not None and time.monotonic() - child.started_at >= pace.healthy_again_seconds:
            supervised.backoff_seconds = 0.0
        doubled = supervised.backoff_seconds * 2 or pace.first_backoff_seconds
        supervised.backoff_seconds = min(doubled, pace.longest_backoff_seconds)
        # A child that was killed from outside wrote no reason to its log.
        last_line = child.last_lines(1) if child is not None and "signal" not in failure else ""
        hint = f" (last line of its log: {last_line})" if last_line else ""
        self._say(f"{supervised.spec.name} {failure}; starting it again in {supervised.backoff_seconds:g} s{hint}")
        await self._stop_child(supervised, pace.unresponsive_grace_seconds)
        await asyncio.sleep(supervised.backoff_seconds)

    async def _failure_while_running(self, supervised: _Supervised) -> str:
        """Wait until the child has ended or stopped answering; return which."""
        child, pace = supervised.child, self._pace
        if child is None:
            return "was not running"
        failed = 0
        while failed < pace.checks_failed_in_a_row:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pace.check_every_seconds):
                    return _ended(await child.exited())
            child.trim_log()
            if child.spec.healthy is not None:
                failed = 0 if await self._passes(child, child.spec.healthy) else failed + 1
        return f"(pid {child.pid}) did not answer {failed} times in a row"

    async def _passes(self, child: Child, check: Check) -> bool:
        try:
            async with asyncio.timeout(self._pace.check_timeout_seconds):
                return await check(child)
        except TimeoutError:
            return False


def _ended(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
