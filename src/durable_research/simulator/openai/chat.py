"""/v1/chat/completions: calls have no id until they end, but stored ones can be searched by metadata."""

import asyncio
import re
from typing import Any

from quart import Blueprint, Response, request

from durable_research.simulator.faults.errors import not_found, parse, reply
from durable_research.simulator.faults.faults import (
    Call,
    Fault,
    cut_after,
    cut_in_half,
    cut_response,
    refuse,
    server_error,
)
from durable_research.simulator.faults.quirks import quirk_of, with_quirk_delay
from durable_research.simulator.generation.generation import (
    Generation,
    answer,
    continuation_of_chat,
    input_tokens,
    timed_chunks,
    tokens,
)
from durable_research.simulator.generation.requests import ChatRequest
from durable_research.simulator.generation.streaming import (
    EVENT_STREAM,
    SentEvent,
    event_stream,
    paced,
    stopped_on_disconnect,
    wait_until_finished,
)
from durable_research.simulator.openai.listing import page
from durable_research.simulator.world import TEXT_MODELS, World, caller_key, check_model, new_id

Json = dict[str, Any]


class ChatApi:
    """The routes of chat completions."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._state = world.state

    def routes(self) -> Blueprint:
        routes = Blueprint("chat", __name__, url_prefix="/v1/chat/completions")
        routes.add_url_rule("", view_func=self.create, methods=["POST"])
        routes.add_url_rule("", view_func=self.stored, methods=["GET"])
        routes.add_url_rule("/<completion_id>", view_func=self.retrieve, methods=["GET"])
        routes.add_url_rule("/<completion_id>/messages", view_func=self.messages, methods=["GET"])
        return routes

    async def create(self) -> Response:
        body = await parse(ChatRequest)
        check_model(body.model, TEXT_MODELS)
        fault = self._world.faults.take(Call("model_call", body.prompt, "chat", body.provided_fields))
        await refuse(fault, too_large="messages")
        generation = self._generation(body, fault)
        try:
            await self._world.accept(generation, caller_key(body.metadata), fault.first_byte_delay if fault else 0)
        except asyncio.CancelledError:
            self._client_disconnected(generation)
            raise
        if fault and fault.fault in ("billed_500", "failed"):
            raise server_error()
        if fault and fault.fault == "cut":
            self._client_disconnected(generation)
            return cut_response(EVENT_STREAM, b"data: {") if body.stream else cut_response("application/json", b"{")
        is_cut = fault is not None and fault.fault == "cut_midway"
        quirk = quirk_of(generation)
        if body.stream and not quirk.ignores_stream:
            with_usage = bool(body.stream_options and body.stream_options.include_usage)
            return self._stream(generation, with_usage=with_usage or quirk.reports_usage, is_cut=is_cut)
        await wait_until_finished(self._state, generation)
        response = reply(_completion(generation))
        return await cut_in_half(response) if is_cut else response

    def _stream(self, generation: Generation, *, with_usage: bool, is_cut: bool) -> Response:
        quirk = quirk_of(generation)
        chunks = quirk.timed(quirk.rewritten(_events(generation, with_usage=with_usage)))
        if is_cut:
            body = cut_after(paced(self._state, generation, chunks[: len(chunks) // 2]))
        else:
            body = paced(self._state, generation, chunks)
        return event_stream(stopped_on_disconnect(self._state, generation, body), quirk.content_type)

    async def stored(self) -> Response:
        fault = self._world.faults.take(Call("stored_list", "", "stored_list"))
        await refuse(fault)
        metadata_filter = {
            match[1]: value
            for name, value in request.args.items()
            if (match := re.fullmatch(r"metadata\[(.+)\]", name))
        }
        model = request.args.get("model")
        ignores_filter = fault is not None and fault.quirk_effect.ignores_filter
        found = [
            _completion(one)
            for one in sorted(self._state.generations.values(), key=lambda one: one.created)
            if self._is_visible(one)
            and model in (None, one.model)
            and (ignores_filter or all(one.metadata.get(key) == value for key, value in metadata_filter.items()))
        ]
        return reply(page(found, newest_first=False))

    async def retrieve(self, completion_id: str) -> Response:
        return reply(_completion(self._find(completion_id)))

    async def messages(self, completion_id: str) -> Response:
        entries = [
            {"id": f"{completion_id}-{number}", "content_parts": None, **message}
            for number, message in enumerate(self._find(completion_id).messages)
        ]
        return reply(page(entries, newest_first=False))

    def _generation(self, body: ChatRequest, fault: Fault | None) -> Generation:
        latency = self._world.settings.latency_seconds
        generation = Generation(
            id=new_id("chatcmpl-"),
            created=self._state.now(),
            latency=fault.latency(latency) if fault else latency,
            model=body.model,
            prompt=body.prompt,
            instructions=body.system_prompt,
            outcome=fault.outcome if fault else "complete",
            token_limit=body.max_completion_tokens or body.max_tokens,
            metadata=body.metadata or {},
            store=bool(body.store),
            streamed=bool(body.stream),
            messages=[{"role": message.role, "content": message.text} for message in body.messages],
            quirk=fault.quirk if fault else None,
            **continuation_of_chat(list(body.messages), body.system_prompt),
        )
        return generation if fault is None or fault.latency_seconds is not None else with_quirk_delay(generation)

    def _client_disconnected(self, generation: Generation) -> None:
        # Our choice; OpenAI does not document it: a stream stops when its client disconnects, a plain answer is completed.
        # The second is the purpose of a stored completion: paid, lost on the way, and still searchable.
        if generation.streamed:
            self._state.stop(generation)

    def _find(self, completion_id: str) -> Generation:
        generation = self._state.generations.get(completion_id)
        if generation is None or not self._is_visible(generation):
            raise not_found(f"No chat completion found with id '{completion_id}'.")
        return generation

    def _is_visible(self, generation: Generation) -> bool:
        visible_at = generation.done_at + self._world.settings.visibility_lag_seconds
        return (
            generation.is_chat
            and generation.store
            and generation.outcome != "failed"
            and self._state.stopped_at(generation.id) is None
            and self._state.now() >= visible_at
        )


def _completion(generation: Generation) -> Json:
    final = answer(generation)
    sent = {
        "id": generation.id,
        "object": "chat.completion",
        "created": int(generation.created),
        "model": generation.model,
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": None if final.is_refusal else final.text,
                    "refusal": final.text if final.is_refusal else None,
                    "annotations": [],
                },
                "logprobs": None,
                "finish_reason": _finish_reason(generation),
            }
        ],
        "usage": _usage(generation),
        "service_tier": "default",
        "metadata": generation.metadata,
    }
    return quirk_of(generation).payload(sent)


def _finish_reason(generation: Generation) -> str:
    if answer(generation).final_status != "incomplete":
        return "stop"
    return "content_filter" if generation.outcome == "filtered" else "length"


def _usage(generation: Generation) -> Json:
    read, written = input_tokens(generation), tokens(answer(generation).text)
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _events(generation: Generation, *, with_usage: bool) -> list[SentEvent]:
    field = "refusal" if answer(generation).is_refusal else "content"
    # With include_usage OpenAI sends a null usage in every chunk but the last.
    empty_usage = {"usage": None} if with_usage else {}
    end = generation.done_at
    deltas: list[tuple[float, Json, str | None]] = [
        (generation.created, {"role": "assistant", "content": "", "refusal": None}, None),
        *((moment, {field: text}, None) for moment, text in timed_chunks(generation)),
        (end, {}, _finish_reason(generation)),
    ]
    sent = [
        SentEvent(moment, {**_chunk(generation, [_choice(delta, reason)]), **empty_usage})
        for moment, delta, reason in deltas
    ]
    if with_usage:
        sent.append(SentEvent(end, {**_chunk(generation, []), "usage": _usage(generation)}))
    return [*sent, SentEvent(end, block="data: [DONE]")]


def _choice(delta: Json, finish_reason: str | None) -> Json:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _chunk(generation: Generation, choices: list[Json]) -> Json:
    return {
        "id": generation.id,
        "object": "chat.completion.chunk",
        "created": int(generation.created),
        "model": generation.model,
        "choices": choices,
    }
