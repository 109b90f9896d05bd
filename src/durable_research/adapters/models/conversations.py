"""Conversations of OpenAI's Responses API: free handles of calls, which show whether the call ran.

The items of a conversation count only if the conversation itself bears our key.
Source: OpenAI's SDK for Python 3.54, its `conversations` resource, read 2026-11-21; never run against OpenAI.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from durable_research.adapters.models.answers.reader import Reading
from durable_research.adapters.models.http.wire import Reply, Wire
from durable_research.adapters.models.json.events import Piece
from durable_research.adapters.models.json.untyped import as_dict, as_name
from durable_research.adapters.models.openai_client import own_references
from durable_research.domain.errors import StillRunning
from durable_research.domain.model_errors import CannotAsk, ModelForgotten, ModelUnavailable
from durable_research.ports.vendors.models import ModelAnswer
from durable_research.ports.vendors.remote import FINGERPRINT_TAG, KEY_TAG, Shown

_PATH = "/conversations"
_PAGE = 100
_MOST_PAGES = 20
# Added to a conversation to test whether a call runs on it: if so, the server refuses. It is part of the next call's context.
_PROBE = {"type": "message", "role": "developer", "content": "An earlier try of the next request was interrupted."}


async def make(wire: Wire, tags: Mapping[str, str]) -> str | None:
    """Create an empty conversation that bears these tags; None where the server has no conversations."""
    metadata = {} if "metadata" in wire.limits.left_out else {"metadata": tags}
    reply = await wire.request("POST", _PATH, body=metadata)
    if reply.status in {400, 404, 405, 501}:
        wire.limits.note_missing_endpoint()
        return None
    if reply.status < 300 and reply.failure:
        return None  # a page that the server shows for any unknown path
    return as_name(as_dict(reply.checked()).get("id")) or None


async def check_unlocked(wire: Wire, conversation: str) -> None:
    """Make sure that no call runs on the conversation.

    Raises:
        StillRunning: a call runs.
        ModelForgotten, CannotAsk, ModelUnavailable: the look-up failed.
    """
    _known(wire, await wire.request("POST", f"{_path_of(conversation)}/items", body={"items": [_PROBE]}))


async def answers_on(wire: Wire, conversation: str, key: str, fingerprint: str | None) -> list[str]:
    """List the references of the answers on it, the oldest first; none where the conversation has another key."""
    body = as_dict(_known(wire, await wire.request("GET", _path_of(conversation))))
    tags = as_dict(body.get("metadata"))
    if not as_name(tags.get(KEY_TAG)):
        raise CannotAsk("the server does not tell whose a conversation is")
    shown = Shown(conversation, as_name(tags[KEY_TAG]), as_name(tags.get(FINGERPRINT_TAG)) or None)
    if not own_references([shown], key, fingerprint):
        return []
    items = await _items_on(wire, conversation)
    messages = [item for item in items if item.get("type") == "message" and item.get("role") == "assistant"]
    # A call that ended after its reasoning has run too: it is found, with an empty answer.
    reasoning = [item for item in items if item.get("type") == "reasoning"]
    return [f"{conversation}/{as_name(item['id'])}" for item in messages or reasoning]


def is_item(reference: str) -> bool:
    """Whether this names an answer on a conversation; some gateways' response ids contain a slash too."""
    return "/" in reference and not reference.startswith("resp")


async def answer(wire: Wire, reference: str, reading: Reading) -> ModelAnswer:
    """Read an answer from its conversation, which does not report the tokens."""
    conversation, item_id = reference.split("/", 1)
    item = _known(
        wire, await wire.request("GET", f"{_path_of(conversation)}/items/{quote(item_id, safe='')}"), is_find=False
    )
    if not as_name(as_dict(item).get("type")):
        raise ModelUnavailable("the provider shows something that is no item of a conversation")
    reading.is_whole_body = True
    reading.feed(Piece({"object": "response", "status": as_dict(item).get("status"), "output": [item]}))
    if reading.is_running:
        raise StillRunning("the provider is still at work on the call")
    return reading.answer(reference)


async def _items_on(wire: Wire, conversation: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    query = {"order": "asc", "limit": str(_PAGE)}
    for _ in range(_MOST_PAGES):
        page = as_dict(_known(wire, await wire.request("GET", f"{_path_of(conversation)}/items", query=query)))
        if not isinstance(page.get("data"), list):
            raise ModelUnavailable("the provider shows something that is no list of items")
        listed = [one for one in page["data"] if isinstance(one, dict) and as_name(one.get("id"))]
        items += listed
        if page.get("has_more") is not True or not listed or as_name(listed[-1]["id"]) == query.get("after"):
            return items
        query["after"] = as_name(listed[-1]["id"])
    raise ModelUnavailable("the provider's list of items has no end")


def _known(wire: Wire, reply: Reply, *, is_find: bool = True) -> Any:
    """Return the value of a look-up.

    Raises:
        ModelForgotten: the server has no record of this one any more.
        CannotAsk: the server has no such look-up.
    """
    if reply.status == 404:
        raise ModelForgotten("the provider no longer knows the conversation")
    if reply.status in {405, 501}:
        wire.limits.note_missing_endpoint()
        raise (
            CannotAsk("the server cannot be asked what is on a conversation")
            if is_find
            else ModelForgotten("the server cannot be asked what is on a conversation")
        )
    return reply.checked()


def _path_of(conversation: str) -> str:
    return f"{_PATH}/{quote(conversation, safe='')}"
