"""The HTML of a finished text is made once and stored beside the text, as an object."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from durable_research.domain.documents.object_keys import page_key
from durable_research.domain.documents.tree import Document
from durable_research.domain.errors import InfrastructureDown, NotFound
from durable_research.ports.objects import ObjectStore

Format = Callable[[Document], str]


async def stored_page(
    objects: ObjectStore, key: str, to_html: Format, document: Callable[[], Awaitable[Document]]
) -> str:
    """The page stored beside the object `key`; a missing page is made from the document, and stored if the store is up."""
    with suppress(NotFound):
        return (await objects.get(page_key(key))).decode()
    page = await asyncio.to_thread(to_html, await document())
    with suppress(InfrastructureDown):
        await objects.put(page_key(key), page.encode())
    return page
