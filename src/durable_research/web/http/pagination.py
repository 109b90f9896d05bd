"""Lists page by page. The beginning of the next page is an opaque cursor, so that clients do not construct it."""

import base64
import binascii
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

from durable_research.domain.caller import Caller
from durable_research.domain.workflows.workflow import kind_of
from durable_research.ports.database.reports import ReportFilter
from durable_research.ports.database.workflows import WorkflowFilter
from durable_research.web.http.problems import Problem

Item = TypeVar("Item")
Criteria = TypeVar("Criteria", WorkflowFilter, ReportFilter)

LONGEST = 200
_CHECK_BYTES = 6


@dataclass(frozen=True)
class Page(Generic[Item]):
    """The items of one page, and the cursor of the next; None after the last."""

    items: Sequence[Item]
    next_cursor: str | None


async def read_page(
    read: Callable[[Caller, Criteria], Awaitable[Sequence[Item]]],
    criteria: Criteria,
    position: Callable[[Item], tuple[datetime, str]],
    *,
    caller: Caller,
    of: str,
) -> Page[Item]:
    """Read the page of the list `of` that `criteria` describe, and one more item, which shows whether another page follows."""
    found = await read(caller, replace(criteria, limit=criteria.limit + 1))
    items = found[: criteria.limit]
    return Page(items, encode(*position(items[-1]), caller=caller, of=of) if len(found) > len(items) else None)


def encode(at: datetime, item_id: str, *, caller: Caller, of: str) -> str:
    """The position after an item of the list `of`."""
    text = f"{at.isoformat()}|{item_id}"
    return base64.urlsafe_b64encode(_check(text, caller, of) + text.encode()).decode().rstrip("=")


def decode(cursor: str, *, caller: Caller, of: str) -> tuple[datetime, str]:
    """Decode a position.

    Raises:
        Problem: 400 `invalid_cursor` when it was not made by `encode` for this caller and list.
    """
    try:
        if len(cursor) > LONGEST:
            raise ValueError
        data = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        text = data[_CHECK_BYTES:].decode()
        at, _, item_id = text.partition("|")
        position = datetime.fromisoformat(at), item_id
        # Only the exact output of `encode` is valid: that covers the checksum, and other encodings of the same bytes.
        if encode(*position, caller=caller, of=of) != cursor:
            raise ValueError
        # The checksum can be forged, so the values for the database are checked: a time and an id.
        if kind_of(item_id) is None or position[0].tzinfo is None:
            raise ValueError
    except (ValueError, binascii.Error):
        raise Problem(400, "invalid_cursor", "the cursor is not one that this list gave out") from None
    return position


def _check(text: str, caller: Caller, of: str) -> bytes:
    # A checksum, not a signature: a forged cursor only moves within the own list, as every query names the tenant.
    return hashlib.sha256(f"{caller.tenant}|{of}|{text}".encode()).digest()[:_CHECK_BYTES]
