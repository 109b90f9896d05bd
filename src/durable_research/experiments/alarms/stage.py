"""What faults are made of: processes frozen or kept down, requests that go on; each ends with its block."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx

from durable_research.experiments.evidence.installation import Installation, NotInTime

_AT_ONCE = 8
_KILL_EVERY_SECONDS = 0.1
_REQUEST_SECONDS = 30.0
_ALWAYS = 1_000_000
# What may fail while a fault lasts: it is the fault's doing.
_EXPECTED = (httpx.HTTPError, NotInTime, OSError, LookupError)


@dataclass(frozen=True)
class Stage:
    """One installation that faults happen to."""

    installation: Installation

    def submit(self, count: int, **body: Any) -> list[str]:
        """Submit so many reports side by side; return the ids of those that were accepted."""

        def one(number: int) -> str | None:
            with suppress(*_EXPECTED):
                return self.installation.submit_with(prompt=f"What sets off an alarm? ({number})", **body)
            return None

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return [workflow_id for workflow_id in pool.map(one, range(count)) if workflow_id]

    def act(self, workflow_id: str, action: str) -> None:
        """POST an action such as `cancel` to a workflow."""
        with suppress(*_EXPECTED):
            url = f"{self.installation.api}/api/workflows/{workflow_id}/{action}"
            httpx.post(url, timeout=_REQUEST_SECONDS)

    def model_fault(self, **fault: object) -> None:
        """Set a fault for every model call from now on."""
        self.installation.simulator("faults", {"match": "*", "kind": "model_call", "times": _ALWAYS, **fault})

    @contextmanager
    def repeated(self, action: Callable[[], object], every_seconds: float) -> Iterator[None]:
        """Do something again and again until the block ends."""
        ended = threading.Event()

        def repeat() -> None:
            while not ended.wait(every_seconds):
                with suppress(*_EXPECTED):
                    action()

        thread = threading.Thread(target=repeat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    @contextmanager
    def frozen(self, *names: str) -> Iterator[None]:
        """Stop processes by SIGSTOP until the block ends."""
        pids = [process.pid for name in names if (process := self.installation.process(name))]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    @contextmanager
    def kept_down(self, name: str) -> Iterator[None]:
        """Kill a process whenever it runs until the block ends; the supervisor then starts it after its growing pause."""
        with self.repeated(lambda: self.installation.kill(name), _KILL_EVERY_SECONDS):
            yield

    def read_list(self) -> None:
        """One request as a page makes it."""
        httpx.get(f"{self.installation.api}/api/workflows?limit=1", timeout=_REQUEST_SECONDS)
