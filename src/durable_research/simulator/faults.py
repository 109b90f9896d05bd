"""Faults on demand: what to break, at which call, how often; addressed by text found in the user's part."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from quart import Response

from durable_research.simulator.errors import ApiError
from durable_research.simulator.generation import Outcome

FaultName = Literal[
    "429", "500", "503", "401", "410", "timeout", "cut", "empty", "truncated", "slow", "billed_500", "refused", "failed"
]
CallKind = Literal["model_call", "embedding", "webhook"]

_EVERYWHERE: frozenset[str | None] = frozenset({None, "429", "500", "503", "timeout", "cut", "slow", "billed_500"})
_POSSIBLE: dict[CallKind, frozenset[str | None]] = {
    "model_call": _EVERYWHERE | {"401", "empty", "truncated", "refused", "failed"},
    "embedding": _EVERYWHERE | {"401"},
    "webhook": _EVERYWHERE | {"410"},
}
_OUTCOMES: dict[str | None, Outcome] = {
    "empty": "empty",
    "truncated": "truncated",
    "refused": "refused",
    "failed": "failed",
}

# A client that waits longer than this has no timeout at all: do not hold its connection for ever.
HANG_SECONDS = 120
# What "slow" means when no latency is given: a guess, longer than a person waits without wondering.
SLOW_SECONDS = 10.0


class Fault(BaseModel):
    """One entry of the control API. `call` counts matching calls from the moment the fault was set."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    match: str = Field(min_length=1)
    call: int = Field(default=1, ge=1)
    times: int = Field(default=1, ge=1)
    fault: FaultName | None = None
    retry_after: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    latency_seconds: float | None = Field(default=None, ge=0, le=3600)
    kind: CallKind | None = None

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if self.fault is None and self.latency_seconds is None:
            raise ValueError("give a fault, or latency_seconds to be slower")
        return self

    def can_hit(self, kind: CallKind, text: str) -> bool:
        return self.kind in (None, kind) and self.fault in _POSSIBLE[kind] and self.match in text

    def latency(self, otherwise: float) -> float:
        if self.latency_seconds is not None:
            return self.latency_seconds
        return SLOW_SECONDS if self.fault == "slow" else otherwise

    @property
    def outcome(self) -> Outcome:
        return _OUTCOMES.get(self.fault, "complete")


@dataclass
class _Armed:
    fault: Fault
    seen: int = 0
    fired: int = 0


class FaultBook:
    """All faults that were set, oldest first. Each counts every call it matches; the first one due hits."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []

    def add(self, fault: Fault) -> None:
        self._armed.append(_Armed(fault))

    def clear(self) -> None:
        self._armed.clear()

    def listed(self) -> list[dict[str, object]]:
        return [{**one.fault.model_dump(), "seen": one.seen, "fired": one.fired} for one in self._armed]

    def take(self, kind: CallKind, text: str) -> Fault | None:
        """The fault that hits this call, if any; asking counts as a call."""
        hit: _Armed | None = None
        for one in self._armed:
            if not one.fault.can_hit(kind, text):
                continue
            one.seen += 1
            if hit is None and one.seen >= one.fault.call and one.fired < one.fault.times:
                hit = one
        if hit is None:
            return None
        hit.fired += 1
        return hit.fault


async def refuse(fault: Fault | None) -> None:
    """Turn the call away unbilled, if that is what the fault does.

    Raises:
        ApiError: the refusal.
    """
    if fault is None or fault.fault not in ("429", "500", "503", "401", "410", "timeout"):
        return
    if fault.fault == "timeout":
        await asyncio.sleep(HANG_SECONDS)
        raise ApiError(504, "The request timed out.", kind="server_error", code="timeout")
    if fault.latency_seconds:
        await asyncio.sleep(fault.latency_seconds)
    headers = {} if fault.retry_after is None else {"retry-after": f"{fault.retry_after:g}"}
    match fault.fault:
        case "429":
            raise ApiError(429, "Rate limit reached.", kind="requests", code="rate_limit_exceeded", headers=headers)
        case "401":
            raise ApiError(401, "Incorrect API key provided.", code="invalid_api_key", headers=headers)
        case "410":
            raise ApiError(410, "This address is gone for good.", code="gone", headers=headers)
        case "503":
            raise ApiError(503, "The engine is currently overloaded.", kind="server_error", headers=headers)
        case "500":
            raise told_failed(headers)


def told_failed(headers: dict[str, str] | None = None) -> ApiError:
    """The answer to a call that was done all the same."""
    return ApiError(500, "The server had an error while processing your request.", kind="server_error", headers=headers)


class _ConnectionCut(Exception):
    """Ends the connection: uvicorn closes the socket when a body breaks off."""


def cut_response(content_type: str, beginning: bytes) -> Response:
    """Begin an answer and cut the connection before anything useful is told."""

    async def body() -> AsyncIterator[bytes]:
        yield beginning
        raise _ConnectionCut

    return Response(body(), 200, content_type=content_type)
