"""OpenAI's Responses API: background calls on a conversation, re-attached to by id or found on the conversation.

A call is created with `background`, `store` and `stream`: the first event carries the id, and only a call created as a stream
can be followed as one later. Its conversation is created before it, free of charge: when the id never reached us, the
conversation shows whether the call ran. The look-up is in `conversations`.
Source: OpenAI's SDK for Python 3.54, its `responses` and `conversations` resources, read 2026-11-21; never run against OpenAI.
"""

import asyncio
import math
from typing import Any
from urllib.parse import quote

from durable_research.adapters.models import conversations
from durable_research.adapters.models.answers.reader import Reading
from durable_research.adapters.models.answers.stored import fetched
from durable_research.adapters.models.answers.stream import AnswerStream
from durable_research.adapters.models.http.outcomes import CallContext
from durable_research.adapters.models.http.wire import Wire
from durable_research.adapters.models.openai_client import messages, tags
from durable_research.domain.errors import Ambiguous, StepFailed, StillRunning
from durable_research.domain.ledger.effects import ProviderClass
from durable_research.domain.model_errors import AnswerLost, ModelForgotten
from durable_research.ports.vendors.models import CallDeadlines, ModelAnswer, ModelCall, TextSink
from durable_research.ports.vendors.remote import EarlierSend, RemoteEffect

_PATH = "/responses"
_OPTIONAL = frozenset({"background", "conversation", "store", "metadata"})
# How long an unlocked conversation must show nothing before the call counts as not run: an item may appear a moment after
# its call has ended. A guess, since OpenAI documents no figure.
_CONVERSATION_SETTLES_SECONDS = 1.0
# An id that is unknown so soon was never stored; later it may have expired, which shows nothing about the server.
_A_MOMENT_SECONDS = 60.0


class OpenAIResponses:
    """The LanguageModel port. `keyed` is for servers that answer a repeated Idempotency-Key once; OpenAI's does not."""

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        model: str,
        provider: str,
        is_demo: bool,
        deadlines: CallDeadlines,
        keyed: bool = False,
    ) -> None:
        self.provider = provider
        self.model = model
        self.is_demo = is_demo
        self.wire = Wire(base_url, api_key, CallContext())
        self._is_keyed = keyed
        self._deadlines = deadlines

    @property
    def provider_class(self) -> ProviderClass:
        """L, as long as the server has conversations and accepts every field that a look-up needs."""
        if self._is_keyed:
            return ProviderClass.KEYED
        limits = self.wire.limits
        can_be_looked_up = not limits.has_no_look_up and not limits.left_out & _OPTIONAL
        return ProviderClass.LOCKED if can_be_looked_up else ProviderClass.NOTHING

    @property
    def settle_seconds(self) -> float:
        """How long an answer may take to appear on its conversation."""
        return _CONVERSATION_SETTLES_SECONDS if self.provider_class is ProviderClass.LOCKED else 0.0

    def prepare(self, call: ModelCall, on_text: TextSink) -> "ResponseCall":
        """Make the effect of this call."""
        return ResponseCall(self.wire, call, on_text, self._deadlines, self.provider_class)

    async def cancel(self, reference: str) -> None:
        """Stop an accepted call; for an ended or unknown one, do nothing."""
        await _cancel(self.wire, reference)

    async def find_all(self, send: EarlierSend) -> list[str]:
        """List every answer on the send's conversation."""
        return await conversations.answers_on(self.wire, send.handle, send.key, None) if send.handle else []

    async def close(self) -> None:
        await self.wire.close()


class ResponseCall(RemoteEffect[ModelAnswer]):
    """One background response. Its reference is the response's id or, found on a conversation, `conversation/item`."""

    def __init__(
        self, wire: Wire, call: ModelCall, on_text: TextSink, deadlines: CallDeadlines, provider_class: ProviderClass
    ) -> None:
        self._wire = wire
        self._call = call
        self._on_text = on_text
        self._deadlines = deadlines
        self._class = provider_class
        self._stream: AnswerStream | None = None
        self._fetched: Reading | None = None
        self._item: ModelAnswer | None = None
        self._named_at = -math.inf

    async def handle(self, key: str) -> str | None:
        """Create an empty conversation; None where the server has no conversations."""
        if self._class is not ProviderClass.LOCKED:
            return None
        return await conversations.make(self._wire, tags(key, self._call))

    async def send(self, key: str, handle: str | None) -> str:
        """Create the response, tagged with our key; its first event brings the id."""
        optional: dict[str, Any] = {"background": True, "store": True, "metadata": tags(key, self._call)}
        if handle:
            optional["conversation"] = handle
        body = {
            "model": self._call.model,
            "instructions": self._call.instructions,
            "input": messages(self._call),
            "stream": True,
            **{name: value for name, value in optional.items() if name not in self._wire.limits.left_out},
        }
        exchange = await self._wire.open(
            "POST",
            _PATH,
            self._deadlines,
            body=body,
            headers={"idempotency-key": key} if self._class is ProviderClass.KEYED else {},
            optional=_OPTIONAL,
            has_handle=handle is not None,
        )
        self._stream = AnswerStream(exchange, self._reading(), self._on_text)
        try:
            reference = await self._stream.begin()
        except BaseException:
            await self._stream.close()
            raise
        self._named_at = asyncio.get_running_loop().time()
        return reference

    async def find(self, send: EarlierSend) -> str | None:
        """Look for an answer on the conversation, after making sure that no call runs on it."""
        if send.handle is None:
            return None
        await conversations.check_unlocked(self._wire, send.handle)
        found = await conversations.answers_on(self._wire, send.handle, send.key, self._call.fingerprint)
        return found[0] if found else None

    async def reattach_to(self, reference: str) -> None:
        """Fetch its current state; a call that was found on its conversation has ended."""
        if conversations.is_item(reference):
            self._item = await conversations.answer(self._wire, reference, self._reading())
        else:
            self._fetched = await self._fetch(reference)

    async def collect(self, reference: str) -> ModelAnswer:
        """Follow the response to its end, on the stream of `send`, or by its id."""
        if conversations.is_item(reference):
            answer = self._item or await conversations.answer(self._wire, reference, self._reading())
            self._on_text(answer.text)
            return answer
        if self._stream is None:
            return await self._reattached_answer(reference)
        lost: Ambiguous | None = None
        try:
            await self._stream.finish()
        except Ambiguous as cause:
            lost = cause
        finally:
            await self._stream.close()
        reading = self._stream.reading
        if reading.is_final or self._class is ProviderClass.NOTHING or _has_no_name(reference):
            if lost and not reading.is_final:
                raise lost
            return reading.answer(reference)
        return await self._polled_answer(reference, lost)

    async def _polled_answer(self, reference: str, lost: Ambiguous | None) -> ModelAnswer:
        """Poll a call whose stream was lost or broke."""
        try:
            reading = await self._fetch(reference)
        except ModelForgotten as forgotten:
            # A server without a record of an id from a moment ago stores nothing. The attempt ends with the stream's error.
            if asyncio.get_running_loop().time() - self._named_at < _A_MOMENT_SECONDS:
                self._wire.limits.note_missing_endpoint()
            raise lost or Ambiguous("the stream was cut before the answer was whole") from forgotten
        return self._answer_of(reading, reference)

    async def _reattached_answer(self, reference: str) -> ModelAnswer:
        """Re-attach to an earlier attempt's call, and follow it as a stream where the server can."""
        reading = self._fetched or await self._fetch(reference)
        if reading.is_running:
            reading = await self._follow(reference) or await self._fetch(reference)
        return self._answer_of(reading, reference)

    def _answer_of(self, reading: Reading, reference: str) -> ModelAnswer:
        if reading.is_running:
            raise StillRunning("the provider is still at work on the call")
        self._on_text(reading.text)
        return reading.answer(reference)

    async def _follow(self, reference: str) -> Reading | None:
        """Follow the response to its end on a stream; None where the stream ends before."""
        try:
            exchange = await self._wire.open("GET", _path_of(reference), self._deadlines, query={"stream": "true"})
        except (StepFailed, StillRunning):
            return None  # the call is polled without a stream
        stream = AnswerStream(exchange, self._reading(), self._on_text)
        try:
            await stream.begin()
            await stream.finish()
        except (StepFailed, StillRunning):
            return None
        finally:
            await stream.close()
        return stream.reading if stream.reading.is_final else None

    async def _fetch(self, reference: str) -> Reading:
        """Fetch the response's current state."""
        if _has_no_name(reference):
            raise AnswerLost("a call without an id can only be read by the attempt that made it")
        return await fetched(self._wire, _path_of(reference), self._reading())

    def _reading(self) -> Reading:
        input_text = self._call.instructions + self._call.prompt + self._call.so_far
        return Reading(self._call.model, input_text, self._wire.api_key)

    async def cancel(self, reference: str) -> None:
        """Stop the generation at the provider, and close the connection."""
        if self._stream:
            await self._stream.close()
        await _cancel(self._wire, reference)


def _path_of(reference: str) -> str:
    return f"{_PATH}/{quote(reference, safe='')}"


def _has_no_name(reference: str) -> bool:
    return reference.startswith("unnamed-")


async def _cancel(wire: Wire, reference: str) -> None:
    # A call found on a conversation has ended. On any refusal it has ended or never existed. Nothing is left to stop.
    if not conversations.is_item(reference) and not _has_no_name(reference):
        await wire.request("POST", f"{_path_of(reference)}/cancel", body={})
