"""A well-behaved webhook receiver: checks the signature, answers at once, recognises repeated deliveries."""

import asyncio
from datetime import UTC, datetime

from quart import Blueprint, Response, request
from standardwebhooks import Webhook, WebhookVerificationError

from durable_research.simulator.faults.errors import ApiError, reply
from durable_research.simulator.faults.faults import Call, cut_response, refuse, server_error
from durable_research.simulator.generation.state import Delivery
from durable_research.simulator.world import World, new_id


class Sink:
    """The routes of the webhook receiver."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._state = world.state
        self._verifier = Webhook(world.webhook_secret) if world.webhook_secret else None
        self._seen = {delivery.key for delivery in self._state.deliveries if delivery.key}

    def routes(self) -> Blueprint:
        routes = Blueprint("sink", __name__, url_prefix="/sink/webhook")
        routes.add_url_rule("", view_func=self.receive, methods=["POST"])
        routes.add_url_rule("/<name>", view_func=self.receive, methods=["POST"])
        routes.add_url_rule("", view_func=self.received, methods=["GET"])
        return routes

    async def receive(self, name: str | None = None) -> Response:
        body = await request.get_data(cache=False, as_text=False, parse_form_data=False)
        self._verify(body)
        text = body.decode(errors="replace")
        fault = self._world.faults.take(Call("webhook", text))
        await refuse(fault)
        if fault:
            await asyncio.sleep(fault.latency(0))
        await asyncio.shield(asyncio.create_task(self._record(self._delivery(text, name))))
        await self._world.withhold()
        if fault and fault.fault == "billed_500":
            raise server_error()
        if fault and fault.fault == "cut":
            return cut_response("application/json", b"{")
        return Response(status=204)

    async def received(self) -> Response:
        return reply([delivery.model_dump() for delivery in self._state.deliveries])

    def _verify(self, body: bytes) -> None:
        if self._verifier is None:
            return
        try:
            self._verifier.verify(body, dict(request.headers), json_parse=False)
        # For a signature that is not base64, and a body that is not UTF-8, the library raises ValueError.
        except (WebhookVerificationError, ValueError) as cause:
            raise ApiError(401, f"webhook signature refused: {cause}", code="invalid_signature") from cause

    def _delivery(self, text: str, name: str | None) -> Delivery:
        key = request.headers.get("webhook-id")
        repeat = key is not None and key in self._seen
        if key:
            self._seen.add(key)
        headers = {header.lower(): value for header, value in request.headers.items()}
        return Delivery(
            at=datetime.now(UTC).isoformat(),
            id=new_id("dlv_"),
            name=name,
            key=key,
            repeat=repeat,
            headers={header: value for header, value in headers.items() if header.startswith("webhook-")},
            body=text,
        )

    async def _record(self, delivery: Delivery) -> None:
        repeat = {"repeat": True} if delivery.repeat else {}
        await self._world.billing_log.write(
            "webhook", key=delivery.key, text=delivery.body, id=delivery.id, extra=repeat
        )
        self._state.receive(delivery)
        self._state.persist_delivery(delivery)
