"""Chat completions, as OpenAI and most compatible servers speak them: stored ones can be searched by our key, plain ones not.

A stored call is not streamed: a client that goes away would end the stream and with it the answer, while a whole answer is
written and kept. So class R shows no draft text while it writes. The SDK retries nothing; Temporal does.
Source: the installed SDK's `chat.completions` resource, version 3.54, read 2026-11-21; never run against OpenAI.
"""

import secrets
from dataclasses import dataclass
from typing import Any

from openai import AsyncOpenAI, AsyncStream

from durable_research.adapters.models.openai_client import ASK_SECONDS, messages, open_client
from durable_research.adapters.models.openai_errors import translated
from durable_research.domain.effects import ProviderClass
from durable_research.domain.errors import Ambiguous
from durable_research.domain.model_errors import AnswerLost, ModelDeclined
from durable_research.domain.usage import TokenUsage
from durable_research.ports.models import ModelAnswer, ModelCall, TextSink, whole_or_cut
from durable_research.ports.remote import EarlierSend, RemoteEffect


class OpenAIChat:
    """The LanguageModel port. `stored` asks the server to keep answers and searches them (class R)."""

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        model: str,
        provider: str,
        is_demo: bool,
        stored: bool,
        settle_seconds: float = 0.0,
    ) -> None:
        self.provider = provider
        self.model = model
        self.is_demo = is_demo
        self.provider_class = ProviderClass.RETRIEVABLE if stored else ProviderClass.NOTHING
        self.settle_seconds = settle_seconds
        # The step's own deadline bounds an answer, whose first byte may be its last.
        self._client = open_client(base_url, api_key, None)

    def prepare(self, call: ModelCall, on_text: TextSink) -> "StoredChatCall | PlainChatCall":
        """Make the effect of this call."""
        kind = StoredChatCall if self.provider_class is ProviderClass.RETRIEVABLE else PlainChatCall
        return kind(self._client, call, on_text)

    async def cancel(self, reference: str) -> None:
        """A chat completion cannot be stopped by its id."""

    async def find_all(self, send: EarlierSend) -> list[str]:
        """Every stored completion with the send's key."""
        if self.provider_class is ProviderClass.NOTHING:
            return []
        return await _stored_with(self._client, send.key)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()


class _ChatCall(RemoteEffect[ModelAnswer]):
    def __init__(self, client: AsyncOpenAI, call: ModelCall, on_text: TextSink) -> None:
        self._client = client
        self._call = call
        self._on_text = on_text

    def _body(self) -> dict[str, Any]:
        instructions = {"role": "system", "content": self._call.instructions}
        return {"model": self._call.model, "messages": [instructions, *messages(self._call)]}


class StoredChatCall(_ChatCall):
    """One stored completion; its id is known when it is whole."""

    _completion: Any = None

    async def send(self, key: str, anchor: str | None) -> str:
        """Ask, and wait for the whole answer."""
        with translated():
            self._completion = await self._client.chat.completions.create(
                **self._body(), store=True, metadata={"effect_key": key}
            )
        return str(self._completion.id)

    async def find(self, send: EarlierSend) -> str | None:
        """Search the stored completions by our key."""
        found = await _stored_with(self._client, send.key)
        return found[0] if found else None

    async def collect(self, reference: str) -> ModelAnswer:
        """The answer of `send`, or the stored one."""
        with translated(forgotten="the provider no longer knows the stored completion"):
            if self._completion is None:
                self._completion = await self._client.chat.completions.retrieve(reference, timeout=ASK_SECONDS)
        choice = self._completion.choices[0]
        if choice.message.refusal:
            raise ModelDeclined("the model declines to answer this")
        text = choice.message.content or ""
        self._on_text(text)
        return _ended(text, choice.finish_reason, self._completion.model, self._completion.usage, reference)


class PlainChatCall(_ChatCall):
    """One streamed completion that nobody keeps: when the stream is lost, so is the answer."""

    _stream: AsyncStream[Any] | None = None
    _first: Any = None

    async def send(self, key: str, anchor: str | None) -> str:
        """Ask; the first chunk brings the id. The key goes along as a header, for gateways that log it."""
        with translated():
            self._stream = await self._client.chat.completions.create(
                **self._body(),
                stream=True,
                stream_options={"include_usage": True},
                extra_headers={"Idempotency-Key": key},
            )
            if chunk := await anext(self._stream, None):
                self._first = chunk
                # Some servers name nothing: two sends without a name must not look like one.
                return chunk.id or f"unnamed-{secrets.token_hex(8)}"
        raise Ambiguous("the stream ended before anything came")

    async def collect(self, reference: str) -> ModelAnswer:
        """Read the stream to its end; only the attempt that sent can."""
        if self._stream is None:
            raise AnswerLost("a plain chat completion can only be read by the attempt that asked for it")
        said = _Said(self._call.model)
        said.hear(self._first)
        with translated():
            async with self._stream as stream:
                async for chunk in stream:
                    said.hear(chunk)
                    self._on_text(said.text)
        if said.reason is None:
            raise Ambiguous("the stream was cut before the answer was whole")
        if said.refusal:
            raise ModelDeclined("the model declines to answer this")
        return _ended(said.text, said.reason, said.model, said.usage, reference)


@dataclass
class _Said:
    """What a stream has said so far."""

    model: str
    text: str = ""
    refusal: str = ""
    reason: str | None = None
    usage: Any = None

    def hear(self, chunk: Any) -> None:
        """Take one chunk; the first may hold text already."""
        self.model, self.usage = chunk.model or self.model, chunk.usage or self.usage
        for choice in chunk.choices:
            self.refusal += choice.delta.refusal or ""
            self.text += choice.delta.content or ""
            self.reason = choice.finish_reason or self.reason


def _ended(text: str, reason: str, model: str, usage: Any, reference: str) -> ModelAnswer:
    if reason == "content_filter":
        raise ModelDeclined("the provider's content filter stopped the answer")
    counted = TokenUsage()
    if usage:
        counted = TokenUsage(input_tokens=usage.prompt_tokens, output_tokens=usage.completion_tokens)
    return whole_or_cut(text, model, counted, reference, is_whole=reason != "length")


async def _stored_with(client: AsyncOpenAI, key: str) -> list[str]:
    """By the key alone: the model may be configured otherwise by now, and servers list it under a name of theirs."""
    with translated():
        listed = client.chat.completions.list(metadata={"effect_key": key}, timeout=ASK_SECONDS)
        return [completion.id async for completion in listed]
