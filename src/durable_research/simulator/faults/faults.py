"""Fault injection: which fault or quirk, at which call, how often; calls are matched by text in the user's part."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from quart import Response

from durable_research.simulator.faults.errors import AnswerReplaced, ApiError
from durable_research.simulator.faults.quirk_forms import NORMAL, Api, Quirk
from durable_research.simulator.faults.quirks import QUIRKS
from durable_research.simulator.generation.generation import Outcome

FaultName = Literal[
    "429",
    "500",
    "503",
    "401",
    "410",
    "451",
    "550",
    "timeout",
    "cut",
    "cut_midway",
    "empty",
    "truncated",
    "filtered",
    "too_large",
    "content_filter",
    "slow",
    "billed_500",
    "refused",
    "failed",
]
CallKind = Literal["model_call", "embedding", "conversation", "stored_list", "webhook", "email", "slack"]
# Calls to some endpoints do not contain their question, so that only this matches them.
EVERY_CALL = "*"

_POSSIBLE_EVERYWHERE: frozenset[str | None] = frozenset(
    {None, "429", "500", "503", "timeout", "cut", "slow", "billed_500"}
)
_POSSIBLE: dict[CallKind, frozenset[str | None]] = {
    "model_call": _POSSIBLE_EVERYWHERE
    | {"401", "empty", "truncated", "filtered", "too_large", "content_filter", "cut_midway", "refused", "failed"},
    "embedding": _POSSIBLE_EVERYWHERE | {"401"},
    "conversation": frozenset({None}),
    "stored_list": frozenset({None}),
    "webhook": _POSSIBLE_EVERYWHERE | {"410"},
    "email": frozenset({None, "451", "550", "timeout", "cut", "slow"}),
    "slack": _POSSIBLE_EVERYWHERE - {"503"},
}
_OUTCOMES: dict[str | None, Outcome] = {
    "empty": "empty",
    "truncated": "truncated",
    "filtered": "filtered",
    "refused": "refused",
    "failed": "failed",
}

_REFUSALS = ("429", "500", "503", "401", "410", "timeout", "too_large", "content_filter")

# A client that waits longer than this has no timeout at all: do not hold its connection without end.
HANG_SECONDS = 120
# The latency of "slow" when none is set: a guess, longer than a user expects to wait.
SLOW_SECONDS = 10.0


class Fault(BaseModel):
    """One entry of the control API: a fault or a quirk. `call` counts matching calls from the moment it was set."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    match: str = Field(min_length=1)
    call: int = Field(default=1, ge=1)
    times: int = Field(default=1, ge=1)
    fault: FaultName | None = None
    quirk: str | None = None
    retry_after: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    retry_after_date: bool = False  # the same delay, sent as a date
    latency_seconds: float | None = Field(default=None, ge=0, le=3600)
    kind: CallKind | None = None

    @field_validator("quirk")
    @classmethod
    def _quirk_exists(cls, quirk: str | None) -> str | None:
        if quirk is not None and quirk not in QUIRKS:
            raise ValueError(f"there is no such quirk; GET /control/quirks lists all {len(QUIRKS)}")
        return quirk

    @model_validator(mode="after")
    def _has_effect(self) -> Self:
        if self.fault is None and self.quirk is None and self.latency_seconds is None:
            raise ValueError("give a fault, a quirk, or latency_seconds to be slower")
        if self.fault and self.quirk:
            raise ValueError("give a fault or a quirk, not both")
        if self.retry_after_date and self.retry_after is None:
            raise ValueError("retry_after_date says how retry_after is told; give retry_after")
        return self

    def can_hit(self, call: "Call") -> bool:
        if self.kind not in (None, call.kind) or not (self.match == EVERY_CALL or self.match in call.text):
            return False
        if self.quirk is None:
            return self.fault in _POSSIBLE[call.kind]
        effect = self.quirk_effect
        return call.api in effect.apis and (effect.if_field is None or effect.if_field in call.fields)

    @property
    def quirk_effect(self) -> Quirk:
        return QUIRKS[self.quirk] if self.quirk else NORMAL

    @property
    def first_byte_delay(self) -> float:
        """The delay of the first byte, in seconds; for a silent quirk `latency_seconds` sets it."""
        delay = self.quirk_effect.first_byte_delay_seconds
        return delay if not delay or self.latency_seconds is None else self.latency_seconds

    def latency(self, default: float) -> float:
        if self.quirk_effect.first_byte_delay_seconds:
            return default
        if self.latency_seconds is not None:
            return self.latency_seconds
        return SLOW_SECONDS if self.fault == "slow" else default

    def retry_header(self) -> dict[str, str]:
        if self.retry_after is None:
            return {}
        if self.retry_after_date:
            # A date has whole seconds: rounded up, or the delay would be shorter than intended.
            moment = datetime.fromtimestamp(math.ceil(time.time() + self.retry_after), UTC)
            return {"retry-after": format_datetime(moment, usegmt=True)}
        return {"retry-after": f"{self.retry_after:g}"}

    @property
    def outcome(self) -> Outcome:
        return self.quirk_effect.outcome if self.quirk else _OUTCOMES.get(self.fault, "complete")


@dataclass(frozen=True)
class Call:
    """The data of a call before it is answered; `fields` are the fields of its request."""

    kind: CallKind
    text: str
    api: Api | None = None
    fields: frozenset[str] = frozenset()


async def refuse(fault: Fault | None, *, too_large: str = "input") -> None:
    """Refuse the call unbilled, if the fault does so; `too_large` names the field that may be too large.

    Raises:
        ApiError: the refusal.
        AnswerReplaced: the answer of a quirk.
    """
    if fault and fault.quirk_effect.replacement:
        await asyncio.sleep(fault.latency(0))
        raise AnswerReplaced(fault.quirk_effect.replacement, fault.retry_header())
    if fault is None or fault.fault not in _REFUSALS:
        return
    if fault.fault == "timeout":
        await asyncio.sleep(HANG_SECONDS)
        raise ApiError(504, "The request timed out.", kind="server_error", code="timeout")
    if fault.latency_seconds:
        await asyncio.sleep(fault.latency_seconds)
    raise _refusal(fault, too_large)


def _refusal(fault: Fault, too_large: str) -> ApiError:
    headers = fault.retry_header()
    match fault.fault:
        case "429":
            return ApiError(429, "Rate limit reached.", kind="requests", code="rate_limit_exceeded", headers=headers)
        case "401":
            return ApiError(401, "Incorrect API key provided.", code="invalid_api_key", headers=headers)
        case "410":
            return ApiError(410, "This address is gone for good.", code="gone", headers=headers)
        case "503":
            return ApiError(503, "The engine is currently overloaded.", kind="server_error", headers=headers)
        case "too_large":
            message = "Your input exceeds the context window of this model. Please adjust your input and try again."
            return ApiError(400, message, param=too_large, code="context_length_exceeded")
        case "content_filter":
            return _filtered_by_azure()
    return server_error(headers)


def _filtered_by_azure() -> ApiError:
    # Source: Azure OpenAI's content filtering page, the error for a prompt that was filtered.
    found = {kind: {"filtered": kind == "violence", "severity": "safe"} for kind in ("hate", "sexual", "violence")}
    return ApiError(
        400,
        "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. "
        "Please modify your prompt and retry.",
        param="prompt",
        code="content_filter",
        extra={
            "type": None,
            "status": 400,
            "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": found},
        },
    )


def server_error(headers: dict[str, str] | None = None) -> ApiError:
    """A 500, also as the answer to a call that was processed nevertheless."""
    return ApiError(500, "The server had an error while processing your request.", kind="server_error", headers=headers)


class _ConnectionCut(Exception):
    """Ends the connection: uvicorn closes the socket when a body breaks off."""


def cut_response(content_type: str, beginning: bytes) -> Response:
    """Begin an answer and cut the connection before any useful data is sent."""

    async def body() -> AsyncIterator[bytes]:
        yield beginning
        raise _ConnectionCut

    return Response(body(), 200, content_type=content_type)


async def cut_after(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes, and then the connection is cut instead of ended."""
    async for data in body:
        yield data
    raise _ConnectionCut


async def cut_in_half(response: Response) -> Response:
    """Send the first half of an answer and cut the connection."""
    data = await response.get_data(as_text=False)
    return cut_response(response.content_type or "application/json", data[: len(data) // 2])
