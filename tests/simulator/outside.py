"""The simulator as its users meet it: a process of its own, an address, and the real OpenAI client."""

import asyncio
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
from openai import AsyncOpenAI, DefaultAsyncHttpxClient

Found = TypeVar("Found")

MODEL = "simulator-research"
# Without it, each client loads all CA certificates first: 40 ms a time, for plain HTTP.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Simulator:
    def __init__(self, billing_log: Path, *options: str) -> None:
        self.billing_log = billing_log
        self._options = options
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "durable_research.simulator", "--port", "0", "--latency-seconds", "0"]
        command += ["--witness", str(self.billing_log), *self._options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.ready_line = self.process.stdout.readline()
        self.url = self.ready_line.rpartition(" ")[2].strip()
        self.mail_line = self.process.stdout.readline() if "--smtp-port" in self._options else ""
        self.mail_port = int(self.mail_line.rpartition(":")[2] or 0)
        self._control = httpx.Client(base_url=self.url, timeout=20, verify=NO_TLS)

    def end(self, number: signal.Signals) -> int:
        self._control.close()
        os.kill(self.process.pid, number)
        status = self.process.wait(timeout=10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def openai(self) -> AsyncOpenAI:
        plain = DefaultAsyncHttpxClient(verify=NO_TLS)
        return AsyncOpenAI(base_url=f"{self.url}/v1", api_key="anything", max_retries=0, timeout=20, http_client=plain)

    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, timeout=20, verify=NO_TLS)

    def settings(self, **change: float) -> None:
        self._control.post("/control/settings", json=change).raise_for_status()

    def fault(self, match: str, **more: Any) -> None:
        self._control.post("/control/faults", json={"match": match, **more}).raise_for_status()

    def calm(self) -> None:
        self.settings(latency_seconds=0, visibility_lag_seconds=0, acceptance_seconds=0)
        self._control.delete("/control/faults").raise_for_status()

    def billed(self, text: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.billing_log.read_text().splitlines()]
        return [line for line in lines if text in line["text"]]


async def eventually(look: Callable[[], Awaitable[Found | None]], within_seconds: float = 8) -> Found:
    """Poll until there is a result."""
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        if found := await look():
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"nothing to see within {within_seconds} seconds")
