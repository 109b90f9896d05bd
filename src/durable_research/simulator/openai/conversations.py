"""/v1/conversations: where a client can search for a paid response whose id it never received."""

import math
from typing import Any

from quart import Blueprint, Response

from durable_research.simulator.faults.errors import conversation_locked, not_found, parse, reply
from durable_research.simulator.faults.faults import Call, refuse
from durable_research.simulator.faults.quirks import quirk_of
from durable_research.simulator.generation.generation import Generation, answer
from durable_research.simulator.generation.requests import ConversationRequest, ItemsRequest, Message
from durable_research.simulator.generation.state import AddedItems, Conversation
from durable_research.simulator.openai.listing import list_object, page
from durable_research.simulator.openai.response_shapes import message_id, output_message
from durable_research.simulator.world import World, new_id


class ConversationsApi:
    """The routes of conversations."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._state = world.state

    def routes(self) -> Blueprint:
        routes = Blueprint("conversations", __name__, url_prefix="/v1/conversations")
        routes.add_url_rule("", view_func=self.create, methods=["POST"])
        routes.add_url_rule("/<conversation_id>", view_func=self.retrieve, methods=["GET"])
        routes.add_url_rule("/<conversation_id>/items", view_func=self.items, methods=["GET"])
        routes.add_url_rule("/<conversation_id>/items", view_func=self.add_items, methods=["POST"])
        routes.add_url_rule("/<conversation_id>/items/<item_id>", view_func=self.item, methods=["GET"])
        return routes

    async def create(self) -> Response:
        body = await parse(ConversationRequest)
        await refuse(self._world.faults.take(Call("conversation", "", "conversations", body.provided_fields)))
        conversation = Conversation(
            id=new_id("conv_"),
            created=self._state.now(),
            metadata=body.metadata or {},
            items=[_input_item(item) for item in body.items or []],
        )
        self._state.open_conversation(conversation)
        return reply(_shown(conversation))

    async def retrieve(self, conversation_id: str) -> Response:
        return reply(_shown(self._find(conversation_id)))

    async def items(self, conversation_id: str) -> Response:
        return reply(page(self._items_of(conversation_id), newest_first=True))

    async def item(self, conversation_id: str, item_id: str) -> Response:
        for item in self._items_of(conversation_id):
            if item["id"] == item_id:
                return reply(item)
        raise not_found(f"Item with id '{item_id}' not found in conversation '{conversation_id}'.")

    def _items_of(self, conversation_id: str) -> list[dict[str, Any]]:
        """All items of the conversation, oldest first."""
        timed_items = [(-math.inf, self._find(conversation_id).items)]
        timed_items += [(one.at, one.items) for one in self._state.added_to[conversation_id]]
        for generation in self._state.answered_in(conversation_id):
            if quirk_of(generation).loses_call:
                continue
            turn = [_question_item(generation), output_message(generation, answer(generation))]
            timed_items.append((generation.done_at, turn))
        in_order = sorted(timed_items, key=lambda one: one[0])
        return [item for _, items in in_order for item in items]

    async def add_items(self, conversation_id: str) -> Response:
        body = await parse(ItemsRequest)
        self._find(conversation_id)
        # No await between this check and the adding: a response cannot begin in between.
        if self._state.is_locked(conversation_id):
            raise conversation_locked()
        items = [_input_item(item) for item in body.items]
        self._state.add_items(AddedItems(conversation=conversation_id, at=self._state.now(), items=items))
        return reply(list_object(items))

    def _find(self, conversation_id: str) -> Conversation:
        if conversation := self._state.conversations.get(conversation_id):
            return conversation
        raise not_found(f"Conversation with id '{conversation_id}' not found.")


def _shown(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "object": "conversation",
        "created_at": int(conversation.created),
        "metadata": conversation.metadata,
    }


def _input_item(item: Message) -> dict[str, Any]:
    return _message(new_id("msg_"), item.role or "user", item.text)


def _question_item(generation: Generation) -> dict[str, Any]:
    return _message(message_id(generation) + "_in", "user", generation.prompt)


def _message(id: str, role: str, text: str) -> dict[str, Any]:
    content = [{"type": "output_text" if role == "assistant" else "input_text", "text": text}]
    return {"id": id, "type": "message", "role": role, "status": "completed", "content": content}
