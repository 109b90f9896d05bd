"""POST and GET /v1/responses: calls that run in the background and can be polled by their id."""

import asyncio
from typing import Any

from quart import Blueprint, Response, request

from durable_research.simulator.faults.errors import (
    ApiError,
    conversation_locked,
    integer_argument,
    not_found,
    parse,
    reply,
)
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
from durable_research.simulator.generation.generation import Generation, continuation_of_answer, continuation_of_chat
from durable_research.simulator.generation.requests import ResponseRequest
from durable_research.simulator.generation.streaming import (
    EVENT_STREAM,
    event_stream,
    paced,
    stopped_on_disconnect,
    wait_until_finished,
)
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
        body = await parse(ResponseRequest)
        self._check(body)
        fault = self._world.faults.take(Call("model_call", body.prompt, "responses", body.provided_fields))
        await refuse(fault, too_large="input")
        generation = await self._accept(body, fault)
        if fault and fault.fault == "billed_500":
            raise server_error()
        if fault and fault.fault == "cut":
            return self._cut(generation, streamed=bool(body.stream))
        quirk = quirk_of(generation)
        is_cut = quirk.loses_call or (fault is not None and fault.fault == "cut_midway")
        if body.stream and not quirk.ignores_stream:
            return self._stream(generation, is_cut=is_cut)
        # A server that does not support `stream` does not support `background` either.
        response = await self._queued_or_finished(generation, until_finished=quirk.ignores_stream)
        return await cut_in_half(response) if is_cut else response

    async def retrieve(self, response_id: str) -> Response:
        generation = self._find(response_id)
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
        events = timed_events(generation, integer_argument("starting_after", -1))
        return event_stream(paced(self._state, generation, events))

    async def cancel(self, response_id: str) -> Response:
        generation = self._find(response_id)
        if not generation.background:
            raise ApiError(400, "Cannot cancel a synchronous response.")
        self._state.stop(generation)
        return reply(self._snapshot(generation))

    def _check(self, body: ResponseRequest) -> None:
        check_model(body.model, TEXT_MODELS)
        if body.background and body.store is False:
            raise ApiError(400, "Background mode requires store=true.", param="background")
        if body.conversation_id and body.conversation_id not in self._state.conversations:
            raise not_found(f"Conversation with id '{body.conversation_id}' not found.")
        if body.previous_response_id:
            self._find(body.previous_response_id)

    async def _accept(self, body: ResponseRequest, fault: Fault | None) -> Generation:
        idempotency_key = request.headers.get("Idempotency-Key") if self._world.honour_idempotency_key else None
        if idempotency_key and (existing_id := self._state.by_idempotency_key.get(idempotency_key)):
            await self._world.wait_until_accepted(existing_id)
            return self._state.generations[existing_id]
        # No await between this check and the registration below: two calls cannot both pass.
        if body.conversation_id and self._state.is_locked(body.conversation_id):
            raise conversation_locked()
        generation = self._generation(body, fault, idempotency_key)
        try:
            await self._world.accept(generation, caller_key(body.metadata), fault.first_byte_delay if fault else 0)
        except asyncio.CancelledError:
            self._client_disconnected(generation)
            raise
        return generation

    def _generation(self, body: ResponseRequest, fault: Fault | None, idempotency_key: str | None) -> Generation:
        latency = self._world.settings.latency_seconds
        generation = Generation(
            id=new_id("resp_"),
            created=self._state.now(),
            latency=fault.latency(latency) if fault else latency,
            model=body.model,
            prompt=body.prompt,
            outcome=fault.outcome if fault else "complete",
            token_limit=body.max_output_tokens,
            metadata=body.metadata or {},
            store=body.store is not False,
            background=bool(body.background),
            streamed=bool(body.stream),
            conversation=body.conversation_id,
            idempotency_key=idempotency_key,
            quirk=fault.quirk if fault else None,
            **{"instructions": body.system_prompt, **self._continuation(body)},
            parameters={
                "instructions": body.instructions,
                "previous_response_id": body.previous_response_id,
                "temperature": 1.0 if body.temperature is None else body.temperature,
                "top_p": 1.0 if body.top_p is None else body.top_p,
                "user": body.user,
            },
        )
        return generation if fault is None or fault.latency_seconds is not None else with_quirk_delay(generation)

    def _continuation(self, body: ResponseRequest) -> dict[str, Any]:
        """The fields by which this call continues an earlier, unfinished answer."""
        if body.previous_response_id:
            earlier = [self._state.generations[body.previous_response_id]]
        else:
            earlier = self._state.answered_in(body.conversation_id) if body.conversation_id else []
        if earlier:
            return continuation_of_answer(earlier[-1], body.prompt)
        return continuation_of_chat(body.messages, body.system_prompt)

    def _stream(self, generation: Generation, *, is_cut: bool) -> Response:
        events = timed_events(generation)
        if is_cut:
            body = cut_after(paced(self._state, generation, events[: len(events) // 2]))
        else:
            body = paced(self._state, generation, events)
        if not generation.background:
            body = stopped_on_disconnect(self._state, generation, body)
        return event_stream(body, quirk_of(generation).content_type)

    async def _queued_or_finished(self, generation: Generation, *, until_finished: bool) -> Response:
        if generation.background and not until_finished:
            return reply(quirk_of(generation).payload(response_object(generation, "queued")))
        try:
            await wait_until_finished(self._state, generation)
        except asyncio.CancelledError:
            self._client_disconnected(generation)
            raise
        return reply(self._snapshot(generation))

    def _cut(self, generation: Generation, *, streamed: bool) -> Response:
        self._client_disconnected(generation)
        if streamed:
            return cut_response(EVENT_STREAM, b"event: response.crea")
        return cut_response("application/json", b'{"id"')

    def _client_disconnected(self, generation: Generation) -> None:
        # Source: OpenAI's background guide: a synchronous response is cancelled by ending its connection.
        if not generation.background:
            self._state.stop(generation)

    def _find(self, response_id: str) -> Generation:
        generation = self._state.generations.get(response_id)
        if generation is None or generation.is_chat or not self._is_retrievable(generation):
            raise not_found(f"Response with id '{response_id}' not found.")
        return generation

    def _is_retrievable(self, generation: Generation) -> bool:
        if quirk_of(generation).loses_call:
            return False
        # A synchronous response is stored when it is complete; if its client disconnected, it was never stored.
        if not generation.store or generation.background:
            return generation.store
        return self._state.stopped_at(generation.id) is None and self._state.is_finished(generation)

    def _snapshot(self, generation: Generation) -> dict[str, object]:
        shown = snapshot(generation, self._state.now(), self._state.stopped_at(generation.id))
        return quirk_of(generation).payload(shown)
