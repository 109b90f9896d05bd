"""Outages of the model's provider: a report runs during each, without and with a dead worker.

The most feared failures of a model's API: it writes for long, loads for long, answers with server errors, and cannot be
reached after it accepted a call. Each runs in a separate installation, so that all of them can run side by side.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from durable_research.experiments.crash_points import CLASSES
from durable_research.experiments.evidence.client import ReportRequest
from durable_research.experiments.evidence.proof import billing_lines
from durable_research.experiments.installations.proxy import Proxy
from durable_research.experiments.installations.slot import Provider

_POLL_SECONDS = 0.1
_ALWAYS = 1_000_000
# A call lasts this long at the provider unless the outage sets another time: long enough to be cut during it.
_CALL_SECONDS = 3.0


@dataclass
class OutageControls:
    """The controls of an outage: its own network, the provider's control API, and its duration."""

    proxy: Proxy
    provider: Provider
    request: ReportRequest
    seconds: float

    async def arm(self, **fault: object) -> None:
        """Set this fault for every model call of the report."""
        await self._control("POST", {"match": self.request.word, "kind": "model_call", "times": _ALWAYS, **fault})

    async def disarm(self) -> None:
        await self._control("DELETE", None)

    async def _control(self, method: str, body: Mapping[str, object] | None) -> None:
        async with httpx.AsyncClient(timeout=10) as client:
            answer = await client.request(method, f"{self.provider.url}/control/faults", json=body)
            answer.raise_for_status()

    def billed(self) -> int:
        """How many calls the provider billed for the report."""
        lines = billing_lines(self.provider.billing_log)
        return sum(line["kind"] == "model_call" and self.request.word in line["text"].split() for line in lines)

    async def until_accepted(self) -> None:
        """Wait until the provider has billed the call."""
        while not self.billed():  # noqa: ASYNC110 - another process cannot set our event
            await asyncio.sleep(_POLL_SECONDS)


Action = Callable[[OutageControls], Coroutine[Any, Any, None]]


async def _no_action(controls: OutageControls) -> None:
    return


async def _slow(controls: OutageControls) -> None:
    await controls.arm(latency_seconds=controls.seconds)


async def _loading(controls: OutageControls) -> None:
    await controls.arm(quirk="silent", latency_seconds=controls.seconds)


async def _server_errors(controls: OutageControls) -> None:
    await controls.arm(fault="500")


async def _accepts(controls: OutageControls) -> None:
    await controls.arm(latency_seconds=_CALL_SECONDS)


async def _errors_end(controls: OutageControls) -> None:
    await asyncio.sleep(controls.seconds)
    await controls.disarm()


async def _cut_after_acceptance(controls: OutageControls) -> None:
    await controls.until_accepted()
    await controls.proxy.cut()
    await asyncio.sleep(controls.seconds)
    await controls.proxy.restore()


@dataclass(frozen=True)
class Outage:
    """One kind of outage: the fault set before the request, and the events while the report runs."""

    name: str
    sentence: str
    seconds: float
    classes: tuple[str, ...]
    prepare: Action
    during: Action = _no_action


OUTAGES = (
    Outage("long", "the model writes for ten minutes", 600, ("N",), _slow),
    Outage("loading", "the server loads for three minutes before the first byte", 180, ("N",), _loading),
    Outage("errors", "the provider answers 500 for five minutes", 300, CLASSES, _server_errors, _errors_end),
    Outage(
        "cut", "the network is cut for five minutes after acceptance", 300, CLASSES, _accepts, _cut_after_acceptance
    ),
)
