"""OpenAI's Responses API: background calls on a conversation, taken up again by their id or found on the conversation.

A call is created with `background`, `store` and `stream`: the first event carries the id, and only a call created as a stream
can be followed as one later. It hangs on a conversation that is made before it, free of charge: when the id never reached us,
the conversation tells whether the call ran. The SDK retries nothing; Temporal does.
Source: the installed SDK's `responses` and `conversations` resources, version 3.54, read 2026-11-21; never run against OpenAI.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import openai
from openai import AsyncOpenAI, AsyncStream
from openai.types.conversations import Message
from openai.types.responses import Response

from durable_research.adapters.models.openai_client import ASK_SECONDS, CONNECT_SECONDS, messages, open_client
from durable_research.adapters.models.openai_errors import translated
from durable_research.domain.effects import ProviderClass
from durable_research.domain.errors import Ambiguous, StillRunning
from durable_research.domain.model_errors import GenerationFailed, ModelDeclined, ModelForgotten, ModelRefused
from durable_research.domain.usage import TokenUsage
from durable_research.ports.models import ModelAnswer, ModelCall, TextSink, whole_or_cut
from durable_research.ports.remote import EarlierSend, RemoteEffect

# Until the first event arrives nothing tells us whether the call was accepted, so this stays short; between events a model
# may think for long, and the step's own deadline bounds the whole.
_FIRST_EVENT_SECONDS = 20.0
# How long a conversation that is not locked must show nothing before we believe it: an item may appear a moment after its
# call has ended. A guess, since OpenAI documents no figure.
_CONVERSATION_SETTLES_SECONDS = 1.0

# Put on a conversation to learn whether a call runs on it: the server refuses it then. It is part of the next call's context.
_PROBE = {"type": "message", "role": "developer", "content": "An earlier try of the next request was interrupted."}


def _plain_events(answer: Any) -> AsyncStream[Any]:
    """The stream's events as plain JSON: there are hundreds, and making a model of each took half the call's own time."""
    stream: AsyncStream[Any] = answer.parse(to=AsyncStream[object])
    return stream


class OpenAIResponses:
    """The LanguageModel port. `keyed` is for servers that answer a repeated Idempotency-Key once; OpenAI's does not."""

    settle_seconds = _CONVERSATION_SETTLES_SECONDS

    def __init__(
        self, *, base_url: str, api_key: str, model: str, provider: str, is_demo: bool, keyed: bool = False
    ) -> None:
        self.provider = provider
        self.model = model
        self.is_demo = is_demo
        self.provider_class = ProviderClass.KEYED if keyed else ProviderClass.LOCKED
        self._client = open_client(base_url, api_key, _FIRST_EVENT_SECONDS)

    def prepare(self, call: ModelCall, on_text: TextSink) -> "ResponseCall":
        """Make the effect of this call."""
        return ResponseCall(self._client, call, on_text, keyed=self.provider_class is ProviderClass.KEYED)

    async def cancel(self, reference: str) -> None:
        """Stop an accepted call; one that has ended or is unknown is left alone."""
        await _cancel(self._client, reference)

    async def find_all(self, send: EarlierSend) -> list[str]:
        """Every answer on the send's conversation."""
        return await _answers_on(self._client, send.anchor) if send.anchor else []

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()


class ResponseCall(RemoteEffect[ModelAnswer]):
    """One background response. Its reference is the response's id or, found on a conversation, `conversation/item`."""

    def __init__(self, client: AsyncOpenAI, call: ModelCall, on_text: TextSink, *, keyed: bool) -> None:
        self._client = client
        self._call = call
        self._on_text = on_text
        self._keyed = keyed
        self._stream: AsyncStream[Any] | None = None

    async def anchor(self, key: str) -> str | None:
        """An empty conversation; None where the server has no conversations."""
        if self._keyed:
            return None
        try:
            with translated(forgotten="the server has no conversations"):
                made = await self._client.conversations.create(metadata={"effect_key": key}, timeout=ASK_SECONDS)
        except ModelForgotten:
            return None
        return made.id

    async def send(self, key: str, anchor: str | None) -> str:
        """Create the response, tagged with our key; its first event brings the id."""
        with translated():
            async with asyncio.timeout(_FIRST_EVENT_SECONDS):
                return await self._first_event(key, anchor)

    async def _first_event(self, key: str, anchor: str | None) -> str:
        answer = await self._client.responses.with_raw_response.create(
            model=self._call.model,
            instructions=self._call.instructions,
            input=messages(self._call),  # type: ignore[arg-type]  # plain dicts of the SDK's own shape
            background=True,
            store=True,
            stream=True,
            metadata={"effect_key": key},
            conversation=anchor or openai.omit,
            extra_headers={"Idempotency-Key": key} if self._keyed else None,
        )
        self._stream = _plain_events(answer)
        # Taken one by one: a loop that is left would leave a generator of its own behind, to be closed at some moment.
        while event := await anext(self._stream, None):
            if event["type"] == "response.created":
                return str(event["response"]["id"])
        raise Ambiguous("the stream ended before the response's id came")

    async def find(self, send: EarlierSend) -> str | None:
        """Look for an answer on the conversation, after making sure that no call runs on it."""
        if send.anchor is None:
            return None
        with translated(forgotten="the provider no longer knows the conversation"):
            probe: Any = [_PROBE]
            await self._client.conversations.items.create(send.anchor, items=probe, timeout=ASK_SECONDS)
        found = await _answers_on(self._client, send.anchor)
        return found[0] if found else None

    async def collect(self, reference: str) -> ModelAnswer:
        """Follow the response to its end, on the stream of `send` or on a new one from the beginning."""
        with translated(forgotten="the provider no longer knows the accepted call"):
            if "/" in reference:
                return await self._found(reference)
            stream = self._stream or _plain_events(
                await self._client.responses.with_raw_response.retrieve(reference, stream=True)
            )
            # Closed here: a connection left to the garbage collector goes away at a moment of its own, and noisily.
            async with stream:
                final = await self._follow(stream)
            final = final or await self._client.responses.retrieve(reference)
        return _answer(final, reference)

    async def _found(self, reference: str) -> ModelAnswer:
        """An answer taken from its conversation, which does not tell the tokens."""
        conversation, item_id = reference.split("/")
        item: Any = await self._client.conversations.items.retrieve(
            item_id, conversation_id=conversation, timeout=ASK_SECONDS
        )
        text = _text_of([item])
        self._on_text(text)
        usage = TokenUsage.estimate(self._call.instructions + self._call.prompt, text)
        return whole_or_cut(text, self._call.model, usage, reference, is_whole=item.status == "completed")

    async def _follow(self, events: AsyncIterator[Any]) -> Response | None:
        """The response of the closing event; None when the stream just ends, as a cancelled one's does."""
        text = ""
        while event := await anext(events, None):
            kind = event["type"]
            if kind == "response.output_text.delta":
                text += event["delta"]
                self._on_text(text)
            elif kind in {"response.completed", "response.incomplete", "response.failed"}:
                return Response.construct(**event["response"])
            elif kind == "error":
                return None  # the stream failed; what became of the call is asked by its id
        return None

    async def cancel(self, reference: str) -> None:
        """Stop the generation at the provider."""
        await _cancel(self._client, reference)


def _answer(response: Any, reference: str) -> ModelAnswer:
    if response.status in {"queued", "in_progress"}:
        raise Ambiguous("the stream was cut before the answer was whole")
    if response.status == "cancelled":
        raise ModelForgotten("the call was cancelled at the provider")
    if response.status not in {"completed", "incomplete"}:
        code = getattr(response.error, "code", None) or response.status
        raise GenerationFailed(f"the generation ended without an answer ({code})")
    if getattr(response.incomplete_details, "reason", None) == "content_filter":
        raise ModelDeclined("the provider's content filter stopped the answer")
    usage = TokenUsage()
    if response.usage:
        usage = TokenUsage(input_tokens=response.usage.input_tokens, output_tokens=response.usage.output_tokens)
    text = _text_of(response.output)
    return whole_or_cut(text, response.model, usage, reference, is_whole=response.status == "completed")


def _text_of(output: list[Any]) -> str:
    parts = [part for item in output if item.type == "message" for part in item.content]
    if any(part.type == "refusal" for part in parts):
        raise ModelDeclined("the model declines to answer this")
    return "".join(part.text for part in parts if part.type == "output_text")


async def _answers_on(client: AsyncOpenAI, conversation: str) -> list[str]:
    with translated():
        listed = client.conversations.items.list(conversation, order="asc", limit=100, timeout=ASK_SECONDS)
        items = [item async for item in listed]
    said = [item for item in items if isinstance(item, Message) and item.role == "assistant"]
    # A call that ended after its reasoning has run too: it is found, and turns out to be empty.
    thought = [item for item in items if item.type == "reasoning"]
    return [f"{conversation}/{item.id}" for item in said or thought]


async def _cancel(client: AsyncOpenAI, reference: str) -> None:
    if "/" in reference:
        return  # it has ended: only an answer is found on a conversation
    try:
        with translated():
            await client.responses.cancel(reference, timeout=CONNECT_SECONDS)
    except (ModelRefused, StillRunning):
        return  # it has ended, or was never known: nothing is left to stop
