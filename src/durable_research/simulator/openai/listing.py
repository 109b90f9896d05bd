"""OpenAI's lists with a cursor, the same for every kind of object."""

from typing import Any

from quart import request

from durable_research.simulator.faults.errors import ApiError, integer_argument


def page(entries: list[dict[str, Any]], *, newest_first: bool) -> dict[str, Any]:
    """The requested page of the list; `entries` are oldest first."""
    limit = integer_argument("limit", 20)
    order = request.args.get("order", "desc" if newest_first else "asc")
    if not 1 <= limit <= 100 or order not in ("asc", "desc"):
        raise ApiError(400, "Invalid list: 'limit' is 1 to 100, 'order' is asc or desc.", code="invalid_value")
    ordered = entries if order == "asc" else entries[::-1]
    if after := request.args.get("after"):
        ids = [entry["id"] for entry in ordered]
        ordered = ordered[ids.index(after) + 1 :] if after in ids else []
    return list_object(ordered[:limit], has_more=len(ordered) > limit)


def list_object(shown: list[dict[str, Any]], *, has_more: bool = False) -> dict[str, Any]:
    """These entries as a list."""
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": has_more,
    }
