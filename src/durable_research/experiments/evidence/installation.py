"""The only driver of an installation from outside: by its `up.json`, its API, the simulator's control API and signals.

It waits for states and blocks meanwhile: a caller with an event loop runs it in a thread.
"""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx
from temporalio.client import Client

from durable_research.domain.workflows.workflow import FINAL
from durable_research.event_parser import EventParser
from durable_research.experiments.evidence.proof import accepted_call, billing_lines
from durable_research.local.data_folder import DataFolder
from durable_research.local.up import RunningProcess, Up, read_up

Found = TypeVar("Found")
# A hang is reported only after this time, because a busy machine looks the same; a wait that succeeds is not made longer.
PATIENCE_SECONDS = 240.0
_REQUEST_SECONDS = 60.0
_POLL_SECONDS = 0.05


class NotInTime(Exception):
    """An expected state did not occur in time, or can never occur; the text names it."""


def until(what: str, poll: Callable[[], Found | None], seconds: float = PATIENCE_SECONDS) -> Found:
    """Call `poll` until it returns a value.

    Raises:
        NotInTime: it returned none in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = poll()
        if found is not None and found is not False:
            return found
        if time.monotonic() > deadline:
            raise NotInTime(f"waited {seconds:.0f} s for {what}")
        time.sleep(_POLL_SECONDS)


class Installation:
    """A running installation on the folder `data`, started by any process."""

    def __init__(self, data: Path, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.data = data
        self._patience_seconds = patience_seconds

    @property
    def running(self) -> Up:
        """The present content of `up.json`.

        Raises:
            FileNotFoundError: no installation is up.
        """
        file = DataFolder(self.data).up
        up = read_up(file)
        if up is None:
            raise FileNotFoundError(f"{file} is not there: no installation is up")
        return up

    @property
    def api(self) -> str:
        return self.running.api

    def until(self, what: str, poll: Callable[[], Found | None]) -> Found:
        """Wait for a state, at most this installation's `patience_seconds`."""
        return until(what, poll, self._patience_seconds)

    def process(self, name_or_identity: str) -> RunningProcess | None:
        """A running process by its name or identity."""
        return next((one for one in self.running.processes if name_or_identity in {one.name, one.identity}), None)

    def kill(self, name_or_identity: str) -> int:
        """SIGKILL one process and return its pid.

        Raises:
            LookupError: no process of that name runs.
        """
        process = self.process(name_or_identity)
        if process is None:
            raise LookupError(f"{name_or_identity} is no process of this installation")
        os.kill(process.pid, signal.SIGKILL)
        return process.pid

    def fire(self, schedule_id: str) -> None:
        async def trigger() -> None:
            client = await Client.connect(self.running.temporal)
            await client.get_schedule_handle(schedule_id).trigger()

        asyncio.run(trigger())

    def simulator(self, path: str, body: Mapping[str, Any]) -> None:
        """Set something at the simulator by its control API."""
        url = f"{self.running.required_simulator.url}/control/{path}"
        httpx.post(url, json=body, timeout=_REQUEST_SECONDS).raise_for_status()

    def clear_faults(self) -> None:
        """Remove all faults from the simulator."""
        url = f"{self.running.required_simulator.url}/control/faults"
        httpx.delete(url, timeout=_REQUEST_SECONDS).raise_for_status()

    def latency(self, seconds: float) -> None:
        """Set the model's latency from now on."""
        self.simulator("settings", {"latency_seconds": seconds})

    def submit(self, prompt: str, **headers: str) -> str:
        """Submit a report and return its id."""
        return self.submit_with(headers, prompt=prompt)

    def submit_with(
        self, headers: Mapping[str, str] | None = None, pipeline: str = "generate-report", **body: Any
    ) -> str:
        """Submit a request to a pipeline, with more fields than a question.

        Raises:
            httpx.HTTPStatusError: the API refused it.
        """
        url = f"{self.api}/api/workflows/{pipeline}"
        answer = httpx.post(url, json=body, headers=headers, timeout=_REQUEST_SECONDS)
        if answer.status_code != httpx.codes.ACCEPTED:
            message = f"{pipeline} was not accepted: {answer.status_code} {answer.text}"
            raise httpx.HTTPStatusError(message, request=answer.request, response=answer)
        return str(answer.json()["workflow_id"])

    def status(self, workflow_id: str) -> dict[str, Any]:
        """The status body; retries while the API is unavailable."""

        def request_status() -> dict[str, Any] | None:
            try:
                answer = httpx.get(f"{self.api}/api/workflows/{workflow_id}/status", timeout=_REQUEST_SECONDS)
            except (httpx.HTTPError, FileNotFoundError):
                return None
            if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                return None
            answer.raise_for_status()
            body: dict[str, Any] = answer.json()
            return body

        return self.until("the API", request_status)

    def step(self, workflow_id: str, name: str) -> dict[str, Any]:
        """One step of the status body."""
        found: dict[str, Any] = next(step for step in self.status(workflow_id)["steps"] if step["name"] == name)
        return found

    def finished(self, workflow_id: str) -> dict[str, Any]:
        """Wait for the end and return the status body."""

        def poll() -> dict[str, Any] | None:
            status = self.status(workflow_id)
            return status if status["status"] in FINAL else None

        return self.until(f"the end of {workflow_id}", poll)

    def call_committed(self, workflow_id: str) -> None:
        """Wait until the provider has accepted the model call and its id is in our ledger."""
        self.until(
            "the call's id to be committed", lambda: asyncio.run(accepted_call(self.running.database, workflow_id))
        )

    def billing_log(self, text: str, kind: str = "model_call") -> list[dict[str, Any]]:
        """The billing log's lines that contain a text."""
        lines = billing_lines(DataFolder(self.data).billing_log)
        return [line for line in lines if line["kind"] == kind and text in line["text"]]

    def events(self, workflow_id: str) -> list[dict[str, Any]]:
        """The progress log of a finished workflow, from the stream."""
        stream = httpx.get(f"{self.api}/api/workflows/{workflow_id}/events", timeout=_REQUEST_SECONDS).content
        return [json.loads(message.data) for message in EventParser().feed(stream) if message.id is not None]
