"""OpenAI's Responses API, and whatever speaks it: background calls that are taken up again by their id.

The SDK retries nothing (Temporal does), and its errors are translated once, here. A call is created with `background`,
`store` and `stream`: the first event carries the id, and only a call created as a stream can be followed as one later.
Source: the installed SDK's `responses` resource and its `_exceptions.py`, version 3.54, read 2026-11-21.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import openai
from openai import AsyncOpenAI, AsyncStream
from openai.types.responses import Response

from durable_research.domain.effects import ProviderClass
from durable_research.domain.errors import (
    Ambiguous,
    EmptyOutput,
    GenerationFailed,
    ModelBusy,
    ModelDeclined,
    ModelForgotten,
    ModelRefused,
    ModelTruncated,
    ModelUnavailable,
    StepFailed,
)
from durable_research.domain.usage import TokenUsage
from durable_research.ports.models import ModelAnswer, ModelCall, TextSink
from durable_research.ports.remote import RemoteEffect

# Until the first event arrives nothing tells us whether the call was accepted, so this stays short; between events a model
# may think for long, and the step's own deadline bounds the whole.
_FIRST_EVENT_SECONDS = 20.0
_CONNECT_SECONDS = 5.0

# Most specific first. What a send's failure means: certainly refused, or perhaps accepted.
TRANSLATIONS: dict[type[openai.OpenAIError], type[StepFailed]] = {
    openai.RateLimitError: ModelBusy,
    openai.BadRequestError: ModelRefused,
    openai.AuthenticationError: ModelRefused,
    openai.PermissionDeniedError: ModelRefused,
    openai.NotFoundError: ModelRefused,
    openai.UnprocessableEntityError: ModelRefused,
    openai.ContentFilterFinishReasonError: ModelRefused,
    openai.LengthFinishReasonError: ModelTruncated,
    openai.ConflictError: Ambiguous,
    openai.InternalServerError: Ambiguous,
    openai.APITimeoutError: Ambiguous,
    openai.APIConnectionError: Ambiguous,
    openai.APIResponseValidationError: Ambiguous,
    openai.APIStatusError: Ambiguous,
    openai.APIError: Ambiguous,
    openai.OpenAIError: Ambiguous,
}
_WORDS = {
    ModelBusy: "the provider is busy",
    ModelRefused: "the provider refuses the request",
    ModelTruncated: "the answer was cut at its longest",
    Ambiguous: "the provider gave no usable word whether it accepted the call",
    ModelUnavailable: "the provider cannot be reached",
}
_NEVER_CONNECTED = ("ConnectError", "ConnectTimeout", "PoolTimeout")


def translate(error: openai.OpenAIError) -> StepFailed:
    """One vendor error as one of ours; the vendor's text is not shown, as it may quote prompt or key."""
    status = getattr(error, "status_code", None)
    code = getattr(error, "code", None)
    detail = ", ".join(str(part) for part in (f"HTTP {status}" if status else None, code) if part)
    made = next(ours for theirs, ours in TRANSLATIONS.items() if isinstance(error, theirs))
    if isinstance(error, openai.APIConnectionError) and type(error.__cause__).__name__ in _NEVER_CONNECTED:
        made = ModelUnavailable
    if status in {503, 529} and isinstance(getattr(error, "body", None), dict):
        made = ModelBusy  # the provider's own words: overloaded, not accepted; a gateway's page says nothing
    words = f"{_WORDS[made]} ({detail})" if detail else _WORDS[made]
    if made is ModelBusy:
        return ModelBusy(words, retry_after_seconds(getattr(getattr(error, "response", None), "headers", {})))
    return made(words)


def retry_after_seconds(headers: Any) -> float | None:
    """`Retry-After` as seconds from now, given as a number or a date; None when absent, negative or nonsense."""
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return seconds if 0 <= seconds < 1e9 else None


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except TimeoutError as cause:
        raise Ambiguous(_WORDS[Ambiguous]) from cause
    except openai.OpenAIError as cause:
        raise translate(cause) from cause


def _plain_events(answer: Any) -> AsyncStream[Any]:
    """The stream's events as plain JSON: there are hundreds, and making a model of each took half the call's own time."""
    stream: AsyncStream[Any] = answer.parse(to=AsyncStream[object])
    return stream


async def _cancel(client: AsyncOpenAI, reference: str) -> None:
    try:
        with _translated():
            await client.responses.cancel(reference, timeout=_CONNECT_SECONDS)
    except ModelRefused:
        return  # it has ended, or was never known: nothing is left to stop


class OpenAIModel:
    """The LanguageModel port. `is_demo` is set when the address is the simulator's."""

    # The call itself can be taken up by its id; before the id is known nothing can be asked.
    provider_class = ProviderClass.NOTHING

    def __init__(self, *, base_url: str, api_key: str, model: str, provider: str, is_demo: bool) -> None:
        self.provider = provider
        self.model = model
        self.is_demo = is_demo
        timeout = openai.Timeout(_FIRST_EVENT_SECONDS, connect=_CONNECT_SECONDS, read=None)
        self._client = AsyncOpenAI(base_url=base_url, api_key=api_key, max_retries=0, timeout=timeout)

    def prepare(self, call: ModelCall, on_text: TextSink) -> "OpenAICall":
        """Make the effect of this call."""
        return OpenAICall(self._client, call, on_text)

    async def cancel(self, reference: str) -> None:
        """Stop an accepted call; one that has ended or is unknown is left alone."""
        await _cancel(self._client, reference)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()


class OpenAICall(RemoteEffect[ModelAnswer]):
    """One background response."""

    def __init__(self, client: AsyncOpenAI, call: ModelCall, on_text: TextSink) -> None:
        self._client = client
        self._call = call
        self._on_text = on_text
        self._stream: AsyncStream[Any] | None = None

    async def send(self, key: str, anchor: str | None) -> str:
        """Create the response, tagged with our key; its first event brings the id."""
        with _translated():
            async with asyncio.timeout(_FIRST_EVENT_SECONDS):
                return await self._first_event(key)

    async def _first_event(self, key: str) -> str:
        answer = await self._client.responses.with_raw_response.create(
            model=self._call.model,
            instructions=self._call.instructions,
            input=self._call.prompt,
            background=True,
            store=True,
            stream=True,
            metadata={"effect_key": key},
        )
        self._stream = _plain_events(answer)
        async for event in self._stream:
            if event["type"] == "response.created":
                return str(event["response"]["id"])
        raise Ambiguous("the stream ended before the response's id came")

    async def collect(self, reference: str) -> ModelAnswer:
        """Follow the response to its end, on the stream of `send` or on a new one from the beginning."""
        try:
            with _translated():
                stream = self._stream or _plain_events(
                    await self._client.responses.with_raw_response.retrieve(reference, stream=True)
                )
                # Closed here: a connection left to the garbage collector goes away at a moment of its own, and noisily.
                async with stream:
                    final = await self._follow(stream)
                final = final or await self._client.responses.retrieve(reference)
        except ModelRefused as cause:
            if isinstance(cause.__cause__, openai.NotFoundError):
                raise ModelForgotten("the provider no longer knows the accepted call") from cause
            raise
        return self._answer(final, reference)

    async def _follow(self, events: AsyncIterator[Any]) -> Response | None:
        """The response of the closing event; None when the stream just ends, as a cancelled one's does."""
        text = ""
        async for event in events:
            kind = event["type"]
            if kind == "response.output_text.delta":
                text += event["delta"]
                self._on_text(text)
            elif kind in {"response.completed", "response.incomplete", "response.failed"}:
                return Response.construct(**event["response"])
            elif kind == "error":
                return None  # the stream failed; what became of the call is asked by its id
        return None

    def _answer(self, response: Any, reference: str) -> ModelAnswer:
        if response.status == "incomplete":
            reason = getattr(response.incomplete_details, "reason", None)
            if reason == "content_filter":
                raise ModelDeclined("the provider's content filter stopped the answer")
            raise ModelTruncated("the answer was cut at its longest")
        if response.status in {"queued", "in_progress"}:
            raise Ambiguous("the stream was cut before the answer was whole")
        if response.status == "cancelled":
            raise ModelForgotten("the call was cancelled at the provider")
        if response.status != "completed":
            code = getattr(response.error, "code", None) or response.status
            raise GenerationFailed(f"the generation ended without an answer ({code})")
        if any(part.type == "refusal" for item in response.output if item.type == "message" for part in item.content):
            raise ModelDeclined("the model declines to answer this")
        text = response.output_text
        if not text.strip():
            raise EmptyOutput("the model answered with no text")
        usage = TokenUsage()
        if response.usage:
            usage = TokenUsage(input_tokens=response.usage.input_tokens, output_tokens=response.usage.output_tokens)
        return ModelAnswer(text, response.model, usage, reference)

    async def cancel(self, reference: str) -> None:
        """Stop the generation at the provider."""
        await _cancel(self._client, reference)
