"""A real installation for tests: `durable-research up` as a user starts it, in a folder and on ports of its own."""

import asyncio
import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import httpx
import psutil
from temporalio.client import Client

from durable_research.domain.workflows.workflow import FINAL
from durable_research.event_parser import EventParser
from durable_research.experiments.evidence.proof import accepted_call
from durable_research.local.data_folder import DataFolder, write_json
from durable_research.local.edition import OUR_PORTS
from durable_research.local.postgres.programs import STATE_OF_ROOT
from tests.programs import free_port

Found = TypeVar("Found")

# How long a hang may look like a busy machine: a test that comes to its end is not made longer by it.
PATIENCE_SECONDS = 240.0
_PR_SET_PDEATHSIG = 1


def until(what: str, look: Callable[[], Found | None], seconds: float = PATIENCE_SECONDS) -> Found:
    """Look again and again until something is there; a deadline makes a hang a failure that says what was missing."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found is not None and found is not False:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.05)


def end_with_the_tests() -> None:
    """In the child: a test run that is killed must leave no server behind (Linux)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


class Installation:
    """Started and stopped as often as a test likes; the data folder stays."""

    def __init__(self, data: Path, only: str | None = None, **environment: str) -> None:
        self.data = data
        self.only = only
        self.environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Installation":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.discard()

    def discard(self) -> None:
        """Remove the database that lies outside the data folder when we are root."""
        instance = self.data / "postgres" / "instance.json"
        if os.geteuid() == 0 and instance.exists():
            shutil.rmtree(STATE_OF_ROOT / "postgres" / json.loads(instance.read_text())["name"], ignore_errors=True)

    def start(self, only: str | None = None) -> "Installation":
        """Run `up` until everything is up."""
        arguments = [sys.executable, "-m", "durable_research", "up", "--data", str(self.data), "--port", "0"]
        if only or self.only:
            arguments += ["--only", only or self.only or ""]
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "DURABLE_"))
        }
        self.data.mkdir(parents=True, exist_ok=True)
        ports = DataFolder(self.data).ports
        if not ports.exists():
            write_json(ports, {name: free_port() for name in (*OUR_PORTS, "api")})
        with (self.data / "up.log").open("ab") as log:
            self._process = subprocess.Popen(
                arguments,
                env={**environment, **self.environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_the_tests,
            )
        until("up.json", self._ready)
        return self

    def _ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"up ended with {self._process.returncode}:\n{self.log()}")
        return (self.data / "up.json").exists()

    def stop(self) -> None:
        """Ctrl-C, as a person would."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(60)
        self._process = None

    def kill_all(self) -> None:
        """SIGKILL every process of the installation at once, the supervisor first."""
        assert self._process is not None
        family = [psutil.Process(self._process.pid), *psutil.Process(self._process.pid).children(recursive=True)]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):  # its parent's end may have taken it along already
                process.kill()
        self._process.wait(10)
        psutil.wait_procs(family, timeout=60)
        self._process = None

    def log(self) -> str:
        """What `up` said."""
        return (self.data / "up.log").read_text()

    @property
    def up(self) -> dict[str, Any]:
        """The content of up.json now."""
        content: dict[str, Any] = json.loads((self.data / "up.json").read_text())
        return content

    @property
    def api(self) -> str:
        """Where the API answers."""
        return str(self.up["api"])

    def process(self, name_or_identity: str) -> dict[str, Any]:
        """A process of up.json by its name or identity."""
        return next(one for one in self.up["processes"] if name_or_identity in {one["name"], one["identity"]})

    def kill(self, name_or_identity: str) -> int:
        """SIGKILL one process and return its pid."""
        pid = int(self.process(name_or_identity)["pid"])
        os.kill(pid, signal.SIGKILL)
        return pid

    def fire(self, schedule_id: str) -> None:
        """Have a schedule fire now."""

        async def trigger() -> None:
            client = await Client.connect(self.up["temporal"])
            await client.get_schedule_handle(schedule_id).trigger()

        asyncio.run(trigger())

    def simulator(self, path: str, body: dict[str, Any]) -> None:
        """Tell the simulator something by its control API."""
        httpx.post(f"{self.up['simulator']}/control/{path}", json=body, timeout=60).raise_for_status()

    def clear_faults(self) -> None:
        """Let the simulator be well again."""
        httpx.delete(f"{self.up['simulator']}/control/faults", timeout=60).raise_for_status()

    def latency(self, seconds: float) -> None:
        """How long the model takes from now on."""
        self.simulator("settings", {"latency_seconds": seconds})

    def submit(self, prompt: str, **headers: str) -> str:
        """Ask for a report and return its id."""
        return self.submit_with(headers, prompt=prompt)

    def submit_with(self, headers: dict[str, str] | None = None, pipeline: str = "generate-report", **body: Any) -> str:
        """Ask a pipeline for something, with more than a question."""
        answer = httpx.post(f"{self.api}/api/workflows/{pipeline}", json=body, headers=headers, timeout=60)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["workflow_id"])

    def status(self, workflow_id: str) -> dict[str, Any]:
        """The status body; an API that is away is asked again."""

        def ask() -> dict[str, Any] | None:
            try:
                answer = httpx.get(f"{self.api}/api/workflows/{workflow_id}/status", timeout=60)
            except (httpx.HTTPError, FileNotFoundError):
                return None
            if answer.status_code == 503:
                return None
            answer.raise_for_status()
            body: dict[str, Any] = answer.json()
            return body

        return until("the API", ask)

    def step(self, workflow_id: str, name: str) -> dict[str, Any]:
        """One step of the status body."""
        found: dict[str, Any] = next(step for step in self.status(workflow_id)["steps"] if step["name"] == name)
        return found

    def finished(self, workflow_id: str) -> dict[str, Any]:
        """Wait for the end and return the status body."""

        def look() -> dict[str, Any] | None:
            status = self.status(workflow_id)
            return status if status["status"] in FINAL else None

        return until(f"the end of {workflow_id}", look)

    def call_committed(self, workflow_id: str) -> None:
        """Wait until the provider has accepted the model call and its id is in our ledger."""
        until("the call's id to be committed", lambda: asyncio.run(accepted_call(self.up["database"], workflow_id)))

    def billing_log(self, text: str, kind: str = "model_call") -> list[dict[str, Any]]:
        """The billing log's lines about a text."""
        path = self.data / "witness.jsonl"
        if not path.exists():
            return []
        lines = [json.loads(line) for line in path.read_text().split("\n")[:-1] if line]
        return [line for line in lines if line["kind"] == kind and text in line["text"]]

    def events(self, workflow_id: str) -> list[dict[str, Any]]:
        """The progress log of a finished workflow, as the stream gives it."""
        stream = httpx.get(f"{self.api}/api/workflows/{workflow_id}/events", timeout=30).content
        return [json.loads(message.data) for message in EventParser().feed(stream) if message.id is not None]
