"""Chat completions of OpenAI and most compatible servers: stored ones can be searched by our key, plain ones cannot.

A stored call is not streamed: a client's disconnect would end the stream and with it the answer, while an answer without a
stream is completed and stored. So class R shows no draft text, and has the longest time of a call as its only deadline.
Source: OpenAI's SDK for Python 3.54, its `chat.completions` resource, read 2026-11-21; never run against OpenAI.
"""

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from durable_research.adapters.models.answers.reader import Reading
from durable_research.adapters.models.answers.stored import fetched
from durable_research.adapters.models.answers.stream import AnswerStream
from durable_research.adapters.models.http.outcomes import CallContext
from durable_research.adapters.models.http.wire import Wire
from durable_research.adapters.models.json.untyped import as_dict, as_list, as_name
from durable_research.adapters.models.openai_client import messages, own_references, tags
from durable_research.domain.ledger.effects import ProviderClass
from durable_research.domain.model_errors import AnswerLost, CannotAsk, ModelUnavailable
from durable_research.ports.vendors.models import CallDeadlines, ModelAnswer, ModelCall, TextSink
from durable_research.ports.vendors.remote import FINGERPRINT_TAG, KEY_TAG, EarlierSend, RemoteEffect, Shown

_PATH = "/chat/completions"
_OPTIONAL = frozenset({"stream_options", "store", "metadata"})
# Without one of these a stored completion cannot be searched by our key.
_MAKE_IT_FINDABLE = frozenset({"store", "metadata"})
_STREAMED = {"stream": True, "stream_options": {"include_usage": True}}
_PAGE = 100
# A list that ignores its filter shows all completions; a longer one than this cannot be read to its end in an attempt.
_MOST_PAGES = 100


class OpenAIChat:
    """The LanguageModel port. `stored` makes the server store answers and searches them (class R)."""

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        model: str,
        provider: str,
        is_demo: bool,
        stored: bool,
        deadlines: CallDeadlines,
        settle_seconds: float = 0.0,
    ) -> None:
        self.provider = provider
        self.model = model
        self.is_demo = is_demo
        self.wire = Wire(base_url, api_key, CallContext() if stored else CallContext(otherwise=""))
        self._is_stored = stored
        self._settle_seconds = settle_seconds
        self._deadlines = deadlines

    @property
    def provider_class(self) -> ProviderClass:
        """R, as long as the server stores the completions that we request it to store."""
        limits = self.wire.limits
        can_be_searched = not limits.has_no_look_up and not limits.left_out & _MAKE_IT_FINDABLE
        return ProviderClass.RETRIEVABLE if self._is_stored and can_be_searched else ProviderClass.NOTHING

    @property
    def settle_seconds(self) -> float:
        """How long a stored completion may take to be listed."""
        return self._settle_seconds if self.provider_class is ProviderClass.RETRIEVABLE else 0.0

    def prepare(self, call: ModelCall, on_text: TextSink) -> "StoredChatCall | PlainChatCall":
        """Make the effect of this call."""
        if self._is_stored:
            return StoredChatCall(self.wire, call, on_text, self._deadlines, self.provider_class)
        return PlainChatCall(self.wire, call, on_text, self._deadlines)

    async def cancel(self, reference: str) -> None:
        """Do nothing: a chat completion cannot be stopped by its id."""

    async def find_all(self, send: EarlierSend) -> list[str]:
        """List every stored completion with the send's key."""
        return await _stored_completions(self.wire, send.key, None) if self._is_stored else []

    async def close(self) -> None:
        await self.wire.close()


class _ChatCall(RemoteEffect[ModelAnswer]):
    """The common part of both kinds: the request, and the connection on which an answer comes."""

    def __init__(self, wire: Wire, call: ModelCall, on_text: TextSink, deadlines: CallDeadlines) -> None:
        self._wire = wire
        self._call = call
        self._on_text = on_text
        self._deadlines = deadlines
        self._stream: AnswerStream | None = None

    def _reading(self) -> Reading:
        input_text = self._call.instructions + self._call.prompt + self._call.so_far
        return Reading(self._call.model, input_text, self._wire.api_key)

    async def _begin(self, key: str, deadlines: CallDeadlines, more: dict[str, Any]) -> str:
        """Send the request, with the further fields that the server accepts; the key is a header too, for gateways' logs."""
        instructions = {"role": "system", "content": self._call.instructions}
        body = {"model": self._call.model, "messages": [instructions, *messages(self._call)]}
        body |= {name: value for name, value in more.items() if name not in self._wire.limits.left_out}
        headers = {"idempotency-key": key}
        exchange = await self._wire.open("POST", _PATH, deadlines, body=body, headers=headers, optional=_OPTIONAL)
        self._stream = AnswerStream(exchange, self._reading(), self._on_text)
        try:
            return await self._stream.begin()
        except BaseException:
            await self._stream.close()
            raise

    async def _finished_answer(self, stream: AnswerStream, reference: str) -> ModelAnswer:
        await self._finish(stream)
        return stream.reading.answer(reference)

    async def _finish(self, stream: AnswerStream) -> None:
        try:
            await stream.finish()
        finally:
            await stream.close()

    async def cancel(self, reference: str) -> None:
        """Close the connection: a server that generates for this reader alone stops."""
        if self._stream:
            await self._stream.close()


class PlainChatCall(_ChatCall):
    """One streamed completion that is not stored: when the stream is lost, so is the answer."""

    async def send(self, key: str, handle: str | None) -> str:
        """Send the request; the first chunk brings the id."""
        return await self._begin(key, self._deadlines, _STREAMED)

    async def reattach_to(self, reference: str) -> None:
        """Raise AnswerLost: it is not stored."""
        raise AnswerLost("a plain chat completion can only be read by the attempt that asked for it")

    async def collect(self, reference: str) -> ModelAnswer:
        """Read the stream to its end; only the sending attempt can."""
        if self._stream is None:
            raise AnswerLost("a plain chat completion can only be read by the attempt that asked for it")
        return await self._finished_answer(self._stream, reference)


class StoredChatCall(_ChatCall):
    """One completion to be stored; its id is known when it is whole, or earlier if the server turned out not to store."""

    def __init__(
        self, wire: Wire, call: ModelCall, on_text: TextSink, deadlines: CallDeadlines, provider_class: ProviderClass
    ) -> None:
        super().__init__(wire, call, on_text, deadlines)
        self._is_stored = provider_class is ProviderClass.RETRIEVABLE
        self._stored: Reading | None = None

    async def send(self, key: str, handle: str | None) -> str:
        """Send the request, and wait for the whole answer; if the server stores nothing, stream it."""
        stored = {"store": True, "metadata": tags(key, self._call)}
        if not self._is_stored:
            return await self._begin(key, self._deadlines, _STREAMED | stored)
        longest = self._deadlines.longest
        reference = await self._begin(key, replace(self._deadlines, silence=longest, first_byte=longest), stored)
        if self._stream:
            await self._finish(self._stream)
        return reference

    async def find(self, send: EarlierSend) -> str | None:
        """Search the stored completions by our key."""
        found = await _stored_completions(self._wire, send.key, self._call.fingerprint)
        return found[0] if found else None

    async def reattach_to(self, reference: str) -> None:
        self._stored = await self._fetch(reference)

    async def collect(self, reference: str) -> ModelAnswer:
        """Return the answer of `send`, or the stored one."""
        if self._stream is not None:
            # `send` has received all of it, where it waited for the whole.
            return (
                self._stream.reading.answer(reference)
                if self._is_stored
                else await self._finished_answer(self._stream, reference)
            )
        reading = self._stored or await self._fetch(reference)
        self._on_text(reading.text)
        return reading.answer(reference)

    async def _fetch(self, reference: str) -> Reading:
        return await fetched(self._wire, f"{_PATH}/{quote(reference, safe='')}", self._reading())


async def _stored_completions(wire: Wire, key: str, fingerprint: str | None) -> list[str]:
    """List the ids of this send's stored completions, the oldest first."""
    shown: list[Shown] = []
    query = {f"metadata[{KEY_TAG}]": key, "limit": str(_PAGE), "order": "asc"}
    for _ in range(_MOST_PAGES):
        reply = await wire.request("GET", _PATH, query=query)
        if reply.status in {400, 404, 405, 501}:
            wire.limits.note_missing_endpoint()
            raise CannotAsk("the server keeps no list of completions that could be searched")
        page = as_dict(reply.checked())
        if not isinstance(page.get("data"), list):
            raise ModelUnavailable("the provider shows something that is no list of completions")
        listed = [one for one in as_list(page.get("data")) if isinstance(one, dict) and as_name(one.get("id"))]
        shown += [_shown(one) for one in listed]
        if page.get("has_more") is not True or not listed or as_name(listed[-1]["id"]) == query.get("after"):
            return own_references(shown, key, fingerprint)
        query["after"] = as_name(listed[-1]["id"])
    raise ModelUnavailable("the provider's list of completions has no end")


def _shown(completion: dict[str, Any]) -> Shown:
    tagged = as_dict(completion.get("metadata"))
    return Shown(
        as_name(completion["id"]), as_name(tagged.get(KEY_TAG)) or None, as_name(tagged.get(FINGERPRINT_TAG)) or None
    )
