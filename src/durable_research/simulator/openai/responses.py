"""POST and GET /v1/responses: calls that run in the background and can be polled by their id."""

import asyncio
from typing import Any

from quart import Blueprint, Response, request

from durable_research.simulator.faults.errors import (
    ApiError,
    conversation_locked,
    not_found,
    parse,
    reply,
    whole_number,
)
from durable_research.simulator.faults.faults import (
    Call,
    Fault,
    broken_off,
    cut_in_half,
    cut_response,
    refuse,
    sent_failed,
)
from durable_research.simulator.faults.quirks import in_its_time, quirk_of
from durable_research.simulator.generation.generation import Generation, rest_of_answer, rest_of_chat
from durable_research.simulator.generation.requests import ResponseRequest
from durable_research.simulator.generation.streaming import EVENT_STREAM, event_stream, finished, paced, while_connected
from durable_research.simulator.openai.response_shapes import response_object, snapshot, timed_events
from durable_research.simulator.world import TEXT_MODELS, World, caller_key, check_model, new_id


class ResponsesApi:
    """The routes of responses."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._state = world.state

    def routes(self) -> Blueprint:
        routes = Blueprint("responses", __name__, url_prefix="/v1/responses")
        routes.add_url_rule("", view_func=self.create, methods=["POST"])
        routes.add_url_rule("/<response_id>", view_func=self.retrieve, methods=["GET"])
        routes.add_url_rule("/<response_id>/cancel", view_func=self.cancel, methods=["POST"])
        return routes

    async def create(self) -> Response:
        asked = await parse(ResponseRequest)
        self._check(asked)
        fault = self._world.faults.take(Call("model_call", asked.prompt, "responses", asked.given))
        await refuse(fault, too_large="input")
        generation = await self._accepted(asked, fault)
        if fault and fault.fault == "billed_500":
            raise sent_failed()
        if fault and fault.fault == "cut":
            return self._cut(generation, streamed=bool(asked.stream))
        quirk = quirk_of(generation)
        is_cut = quirk.forgets or (fault is not None and fault.fault == "cut_midway")
        if asked.stream and not quirk.ignores_stream:
            return self._stream(generation, is_cut=is_cut)
        # A server that does not support `stream` does not support `background` either.
        whole = await self._begun_or_whole(generation, waits=quirk.ignores_stream)
        return await cut_in_half(whole) if is_cut else whole

    async def retrieve(self, response_id: str) -> Response:
        generation = self._known(response_id)
        if request.args.get("stream", "").lower() not in ("true", "1"):
            return reply(self._snapshot(generation))
        # OpenAI refuses this without background=true (seen in openai-ruby#214) and documents joining only for a
        # response created as a stream. We refuse both, to be no more lenient than the real API.
        if not (generation.background and generation.streamed):
            raise ApiError(
                400,
                "This response cannot be streamed: create it with background=true and stream=true.",
                param="stream",
                code="invalid_request_error",
            )
        events = timed_events(generation, whole_number("starting_after", -1))
        return event_stream(paced(self._state, generation, events))

    async def cancel(self, response_id: str) -> Response:
        generation = self._known(response_id)
        if not generation.background:
            raise ApiError(400, "Cannot cancel a synchronous response.")
        self._state.stop(generation)
        return reply(self._snapshot(generation))

    def _check(self, asked: ResponseRequest) -> None:
        check_model(asked.model, TEXT_MODELS)
        if asked.background and asked.store is False:
            raise ApiError(400, "Background mode requires store=true.", param="background")
        if asked.conversation_id and asked.conversation_id not in self._state.conversations:
            raise not_found(f"Conversation with id '{asked.conversation_id}' not found.")
        if asked.previous_response_id:
            self._known(asked.previous_response_id)

    async def _accepted(self, asked: ResponseRequest, fault: Fault | None) -> Generation:
        idempotency_key = request.headers.get("Idempotency-Key") if self._world.honour_idempotency_key else None
        if idempotency_key and (known := self._state.by_idempotency_key.get(idempotency_key)):
            await self._world.settled(known)
            return self._state.generations[known]
        # No await between this check and the registration below: two calls cannot both pass.
        if asked.conversation_id and self._state.is_locked(asked.conversation_id):
            raise conversation_locked()
        generation = self._generation(asked, fault, idempotency_key)
        try:
            await self._world.accept(generation, caller_key(asked.metadata), fault.silence if fault else 0)
        except asyncio.CancelledError:
            self._hung_up(generation)
            raise
        return generation

    def _generation(self, asked: ResponseRequest, fault: Fault | None, idempotency_key: str | None) -> Generation:
        latency = self._world.settings.latency_seconds
        generation = Generation(
            id=new_id("resp_"),
            created=self._state.now(),
            latency=fault.latency(latency) if fault else latency,
            model=asked.model,
            prompt=asked.prompt,
            outcome=fault.outcome if fault else "complete",
            token_limit=asked.max_output_tokens,
            metadata=asked.metadata or {},
            store=asked.store is not False,
            background=bool(asked.background),
            streamed=bool(asked.stream),
            conversation=asked.conversation_id,
            idempotency_key=idempotency_key,
            quirk=fault.quirk if fault else None,
            **{"instructions": asked.guidance, **self._continued(asked)},
            parameters={
                "instructions": asked.instructions,
                "previous_response_id": asked.previous_response_id,
                "temperature": 1.0 if asked.temperature is None else asked.temperature,
                "top_p": 1.0 if asked.top_p is None else asked.top_p,
                "user": asked.user,
            },
        )
        return generation if fault is None or fault.latency_seconds is not None else in_its_time(generation)

    def _continued(self, asked: ResponseRequest) -> dict[str, Any]:
        """The fields by which this call continues an earlier, unfinished answer."""
        if asked.previous_response_id:
            earlier = [self._state.generations[asked.previous_response_id]]
        else:
            earlier = self._state.answered_on(asked.conversation_id) if asked.conversation_id else []
        return rest_of_answer(earlier[-1], asked.prompt) if earlier else rest_of_chat(asked.messages, asked.guidance)

    def _stream(self, generation: Generation, *, is_cut: bool) -> Response:
        events = timed_events(generation)
        if is_cut:
            body = broken_off(paced(self._state, generation, events[: len(events) // 2]))
        else:
            body = paced(self._state, generation, events)
        if not generation.background:
            body = while_connected(self._state, generation, body)
        return event_stream(body, quirk_of(generation).content_type)

    async def _begun_or_whole(self, generation: Generation, *, waits: bool) -> Response:
        if generation.background and not waits:
            return reply(quirk_of(generation).payload(response_object(generation, "queued")))
        try:
            await finished(self._state, generation)
        except asyncio.CancelledError:
            self._hung_up(generation)
            raise
        return reply(self._snapshot(generation))

    def _cut(self, generation: Generation, *, streamed: bool) -> Response:
        self._hung_up(generation)
        if streamed:
            return cut_response(EVENT_STREAM, b"event: response.crea")
        return cut_response("application/json", b'{"id"')

    def _hung_up(self, generation: Generation) -> None:
        # Source: OpenAI's background guide: a synchronous response is cancelled by ending its connection.
        if not generation.background:
            self._state.stop(generation)

    def _known(self, response_id: str) -> Generation:
        generation = self._state.generations.get(response_id)
        if generation is None or generation.is_chat or not self._can_be_asked(generation):
            raise not_found(f"Response with id '{response_id}' not found.")
        return generation

    def _can_be_asked(self, generation: Generation) -> bool:
        if quirk_of(generation).forgets:
            return False
        # A synchronous response is stored when it is complete; if its client disconnected, it was never stored.
        if not generation.store or generation.background:
            return generation.store
        return self._state.stopped_at(generation.id) is None and self._state.is_finished(generation)

    def _snapshot(self, generation: Generation) -> dict[str, object]:
        shown = snapshot(generation, self._state.now(), self._state.stopped_at(generation.id))
        return quirk_of(generation).payload(shown)
