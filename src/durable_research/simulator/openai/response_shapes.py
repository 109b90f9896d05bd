"""Responses in OpenAI's form: the object at any moment, and the stream of events up to it."""

from dataclasses import replace
from typing import Any

from durable_research.simulator.faults.quirks import quirk_of
from durable_research.simulator.generation.generation import (
    Answer,
    Generation,
    answer,
    input_tokens,
    status,
    timed_chunks,
    tokens,
    writing_starts_at,
)
from durable_research.simulator.generation.streaming import SentEvent, Timed

Json = dict[str, Any]


def message_id(generation: Generation) -> str:
    """The id of the response's only message; derived, so that it is the same after a restart."""
    return "msg_" + generation.id.removeprefix("resp_")


def snapshot(generation: Generation, now: float, stopped_at: float | None) -> Json:
    """The response as it is at a moment."""
    return response_object(generation, status(generation, now, stopped_at))


def response_object(generation: Generation, state: str) -> Json:
    """The response in a given state; text and usage are included once it has ended."""
    final = answer(generation)
    has_answer = state in ("completed", "incomplete")
    return {
        "id": generation.id,
        "object": "response",
        "created_at": int(generation.created),
        "status": state,
        "background": generation.background,
        "completed_at": int(generation.done_at) if state == "completed" else None,
        "conversation": {"id": generation.conversation} if generation.conversation else None,
        "error": {"code": "server_error", "message": "The generation failed."} if state == "failed" else None,
        "incomplete_details": {"reason": _why_incomplete(generation)} if state == "incomplete" else None,
        "max_output_tokens": generation.token_limit,
        "model": generation.model,
        "output": [output_message(generation, final)] if has_answer else [],
        "parallel_tool_calls": True,
        "reasoning": {"effort": None, "summary": None},
        "store": generation.store,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "truncation": "disabled",
        "usage": _usage(generation, final) if has_answer else None,
        "metadata": generation.metadata,
        **generation.parameters,
    }


def _why_incomplete(generation: Generation) -> str:
    return "content_filter" if generation.outcome == "filtered" else "max_output_tokens"


def output_message(generation: Generation, final: Answer) -> Json:
    """The answer as an output item, also as an item of a conversation."""
    return {
        "id": message_id(generation),
        "type": "message",
        "role": "assistant",
        "status": "incomplete" if final.final_status == "incomplete" else "completed",
        "content": [_part(final.text, final)],
    }


def _part(text: str, final: Answer) -> Json:
    if final.is_refusal:
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _usage(generation: Generation, final: Answer) -> Json:
    read, written = input_tokens(generation), tokens(final.text)
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": read + written,
    }


def timed_events(generation: Generation, starting_after: int = -1) -> list[Timed]:
    """The stream of a response with the moment of each event, after the given sequence number."""
    steps = [*_opening(generation), *_writing(generation), *_closing(generation)]
    quirk = quirk_of(generation)
    events = quirk.rewritten(
        [SentEvent(moment, {"type": name, **fields}, is_named=True) for moment, name, fields in steps]
    )
    return quirk.timed(_numbered(events, starting_after))


def _numbered(events: list[SentEvent], starting_after: int) -> list[SentEvent]:
    """Each event after this sequence number, numbered; a block that is no event has no number."""
    sent: list[SentEvent] = []
    number = 0
    for one in events:
        if number > starting_after:
            data = {"type": one.data["type"], "sequence_number": number, **one.data} if one.data else {}
            sent.append(replace(one, data=data))
        number += not one.block
    return sent


_Step = tuple[float, str, Json]


def _opening(generation: Generation) -> list[_Step]:
    first = {"response": response_object(generation, "queued" if generation.background else "in_progress")}
    begin = writing_starts_at(generation)
    final = answer(generation)
    empty_item = {**output_message(generation, final), "status": "in_progress", "content": []}
    steps: list[_Step] = [(generation.created, "response.created", first)]
    if generation.background:
        steps.append((generation.created, "response.queued", first))
    return [
        *steps,
        (begin, "response.in_progress", {"response": response_object(generation, "in_progress")}),
        (begin, "response.output_item.added", {"output_index": 0, "item": empty_item}),
        (begin, "response.content_part.added", {**_place(generation), "part": _part("", final)}),
    ]


def _writing(generation: Generation) -> list[_Step]:
    place = _place(generation)
    if answer(generation).is_refusal:
        return [
            (moment, "response.refusal.delta", {**place, "delta": text}) for moment, text in timed_chunks(generation)
        ]
    return [
        (moment, "response.output_text.delta", {**place, "delta": text, "logprobs": []})
        for moment, text in timed_chunks(generation)
    ]


def _closing(generation: Generation) -> list[_Step]:
    final = answer(generation)
    place = _place(generation)
    end = generation.done_at
    closed = (end, f"response.{final.final_status}", {"response": response_object(generation, final.final_status)})
    if final.final_status == "failed":
        return [closed]
    text_done: _Step = (
        (end, "response.refusal.done", {**place, "refusal": final.text})
        if final.is_refusal
        else (end, "response.output_text.done", {**place, "text": final.text, "logprobs": []})
    )
    return [
        text_done,
        (end, "response.content_part.done", {**place, "part": _part(final.text, final)}),
        (end, "response.output_item.done", {"output_index": 0, "item": output_message(generation, final)}),
        closed,
    ]


def _place(generation: Generation) -> Json:
    return {"item_id": message_id(generation), "output_index": 0, "content_index": 0}
