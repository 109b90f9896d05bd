"""What a page shows of a finished text is made once and kept beside it, as an object."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from durable_research.domain.documents.object_keys import page_key
from durable_research.domain.documents.tree import Document
from durable_research.domain.errors import InfrastructureDown, NotFound
from durable_research.ports.objects import ObjectStore

Format = Callable[[Document], str]


async def kept_page(
    objects: ObjectStore, key: str, to_html: Format, document: Callable[[], Awaitable[Document]]
) -> str:
    """The page beside the object `key`; one that nobody made yet is made of the document, and kept where that is possible."""
    with suppress(NotFound):
        return (await objects.get(page_key(key))).decode()
    page = await asyncio.to_thread(to_html, await document())
    with suppress(InfrastructureDown):
        await objects.put(page_key(key), page.encode())
    return page
