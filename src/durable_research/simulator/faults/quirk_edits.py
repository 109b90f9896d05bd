"""The parts of quirks: changes of an answer's JSON objects and of its list of events. The request is not available here.

An edit receives every JSON object of an answer in turn: a chat chunk, a whole completion, an event of Responses with the
response in it, the body of embeddings. A rewrite receives the whole list of a stream's events.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from durable_research.simulator.generation.streaming import SentEvent

Json = dict[str, Any]
Edit = Callable[[Json], Json]
Rewrite = Callable[[list[SentEvent]], list[SentEvent]]

# The Responses API has its own names for the finish reasons of chat completions.
_RESPONSES_REASONS = {"length": "max_output_tokens"}
_REASONING = ("Let me see. ", "What is asked here? ", "Now I know.")
_KEEPALIVE_EVERY = 10


def usage(change: Callable[[Json], Json | None]) -> Edit:
    """Change the token usage wherever it is reported."""

    def edit(sent: Json) -> Json:
        return {**sent, "usage": change(sent["usage"])} if sent.get("usage") else sent

    return _within_response(edit)


def finish_reason(reason: str | None) -> Edit:
    """End with another finish reason; None sends no reason at all."""

    def edit_choices(sent: Json) -> Json:
        return _with_choices(sent, lambda one: {**one, "finish_reason": reason} if one["finish_reason"] else one)

    def edit_response(sent: Json) -> Json:
        if sent.get("status") not in ("completed", "incomplete") or "output" not in sent:
            return sent
        details = {"reason": _RESPONSES_REASONS.get(reason or "", reason)}
        return {**sent, "status": "incomplete", "incomplete_details": details}

    def edit(sent: Json) -> Json:
        changed = _within_response(edit_response)(edit_choices(sent))
        return {**changed, "type": "response.incomplete"} if changed.get("type") == "response.completed" else changed

    return edit


def upstream_error(sent: Json) -> Json:
    """The last choice reports that the server's upstream failed."""
    error = {"code": 502, "message": "the upstream went away"}
    return _with_choices(
        sent, lambda one: {**one, "finish_reason": "error", "error": error} if one["finish_reason"] else one
    )


def chat_text(change: Callable[[Any], object]) -> Edit:
    """Change the text of a chat, in each delta or in the whole message."""

    def edit(sent: Json) -> Json:
        return _with_choices(sent, lambda choice: _with_text(choice, change))

    return edit


def null_first_text(sent: Json) -> Json:
    """The chunk with the role has null instead of an empty text."""

    def edit(choice: Json) -> Json:
        delta = choice.get("delta")
        return {**choice, "delta": {**delta, "content": None}} if delta and "role" in delta else choice

    return _with_choices(sent, edit)


def null_choices(sent: Json) -> Json:
    """An empty list of choices becomes null."""
    return {**sent, "choices": None} if sent.get("choices") == [] else sent


def fixed_id(id: str) -> Edit:
    """Every completion has the same id."""
    return lambda sent: {**sent, "id": id} if "choices" in sent else sent


def without_output(sent: Json) -> Json:
    """The event that closes a response has none of its text."""
    return _with_output(sent, []) if sent.get("type") == "response.completed" else sent


def reasoning_output(sent: Json) -> Json:
    """The output of a response consists of reasoning only."""
    item = {"type": "reasoning", "id": "rs_1", "summary": []}
    has_output = bool((sent.get("response") or sent).get("output"))
    return _with_output(sent, [item]) if has_output else sent


def vector_as_text(sent: Json) -> Json:
    """The numbers of an embedding as the text of a list."""
    return {**sent, "data": [{**one, "embedding": str(one["embedding"])} for one in sent["data"]]}


def keepalives(block: str) -> Rewrite:
    """The stream begins with this block, and repeats it now and then."""

    def rewrite(events: list[SentEvent]) -> list[SentEvent]:
        sent: list[SentEvent] = []
        for number, one in enumerate(events):
            if number % _KEEPALIVE_EVERY == 0:
                sent.append(SentEvent(one.moment, block=block))
            sent.append(one)
        return sent

    return rewrite


def without(unwanted: Callable[[Json], bool]) -> Rewrite:
    """Omit some of the events."""
    return lambda events: [one for one in events if not unwanted(one.data)]


def is_usage_only(sent: Json) -> bool:
    """Whether this chunk reports only token usage."""
    return sent.get("choices") == []


def is_text_event(sent: Json) -> bool:
    """Whether this event of Responses contains text, or opens or closes its place."""
    return str(sent.get("type")).startswith(("response.output_item", "response.content_part", "response.output_text"))


def null_delta(events: list[SentEvent]) -> list[SentEvent]:
    """A chunk about filtering, whose delta is null, before the last choice."""
    offsets = {"check_offset": 40, "start_offset": 0, "end_offset": 40}
    sent = {"index": 0, "delta": None, "finish_reason": None, "content_filter_offsets": offsets}
    at = next(number for number, one in enumerate(events) if _has_finish_reason(one))
    return [*events[:at], _with_data(events[at], {"id": "", "model": "", "choices": [sent]}), *events[at:]]


def reasoning(field: str, shape: Callable[[str], object]) -> Rewrite:
    """Reasoning is streamed before the text of a chat, in a separate field or as a part of the content."""

    def rewrite(events: list[SentEvent]) -> list[SentEvent]:
        if "choices" not in events[0].data:
            return events
        choices = [{"index": 0, "delta": {field: shape(text)}, "finish_reason": None} for text in _REASONING]
        return [events[0], *(_with_data(events[0], {"choices": [choice]}) for choice in choices), *events[1:]]

    return rewrite


def first_half_then(*blocks: str) -> Rewrite:
    """The first half of the stream, then these blocks instead of the rest."""

    def rewrite(events: list[SentEvent]) -> list[SentEvent]:
        half = events[: len(events) // 2]
        return [*half, *(SentEvent(half[-1].moment, block=block) for block in blocks)]

    return rewrite


def split_surrogates(events: list[SentEvent]) -> list[SentEvent]:
    """Each character that is a surrogate pair in UTF-16 is split over two events, one half in each."""
    sent: list[SentEvent] = []
    for one in events:
        text = _text_in(one)
        at = next((number for number, letter in enumerate(text) if ord(letter) > 0xFFFF), None)
        if at is None:
            sent.append(one)
            continue
        high, low = text[at].encode("utf-16-be", "surrogatepass")[:2], text[at].encode("utf-16-be")[2:]
        halves = (text[:at] + _half(high), _half(low) + text[at + 1 :])
        sent += [_with_text_of(one, half) for half in halves]
    return sent


def _half(code: bytes) -> str:
    return code.decode("utf-16-be", "surrogatepass")


def _text_in(one: SentEvent) -> str:
    if one.data.get("type") == "response.output_text.delta":
        return str(one.data["delta"])
    choices = one.data.get("choices") or [{}]
    return str((choices[0].get("delta") or {}).get("content") or "")


def _with_text_of(one: SentEvent, text: str) -> SentEvent:
    if "delta" in one.data:
        return replace(one, data={**one.data, "delta": text})
    return replace(one, data=chat_text(lambda _: text)(one.data))


def _has_finish_reason(one: SentEvent) -> bool:
    choices = one.data.get("choices")
    return bool(choices and choices[0]["finish_reason"])


def _with_data(one: SentEvent, change: Json) -> SentEvent:
    return replace(one, data={**one.data, **change})


def _within_response(edit: Edit) -> Edit:
    """The edit of a response, also where an event contains it."""
    return lambda sent: {**sent, "response": edit(sent["response"])} if sent.get("response") else edit(sent)


def _with_output(sent: Json, output: list[Json]) -> Json:
    return _within_response(lambda response: {**response, "output": output})(sent)


def _with_choices(sent: Json, change: Edit) -> Json:
    return {**sent, "choices": [change(one) for one in sent["choices"]]} if sent.get("choices") else sent


def _with_text(choice: Json, change: Callable[[Any], object]) -> Json:
    for place in ("delta", "message"):
        message = choice.get(place)
        if message and message.get("content"):
            return {**choice, place: {**message, "content": change(message["content"])}}
    return choice
