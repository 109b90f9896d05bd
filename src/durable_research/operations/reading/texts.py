"""The texts that a finished workflow wrote, and what is related to it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from durable_research.catalogue import BY_KIND
from durable_research.domain.documents.composition import compose
from durable_research.domain.documents.text import WrittenText
from durable_research.domain.documents.tree import Document
from durable_research.domain.errors import NotFound
from durable_research.domain.requests.writing import WritingRequest
from durable_research.domain.workflows.progress import closing_of
from durable_research.operations.reading.paid_text import PaidTexts
from durable_research.operations.reading.read import Reading
from durable_research.operations.reading.recoverable import TEXT
from durable_research.operations.reading.stored_pages import Format, kept_page
from durable_research.ports.database.similarity import Related, Similarity
from durable_research.ports.objects import ObjectStore

_RELATED = 5


@dataclass
class ReadingTexts:
    """Reads the log and objects; `to_html` turns a document into text.

    `embedding_model` is today's: what is related is told by what it has embedded, and only by that; empty, embeddings are off.
    """

    reading: Reading
    paid: PaidTexts
    objects: ObjectStore
    similarity: Similarity
    to_html: Format
    embedding_model: str

    async def list(self, workflow_id: str, tenant: str) -> Mapping[str, WrittenText]:
        """The texts by name, in the order in which they were written.

        Raises:
            NotFound: unknown id.
            NotReady: it is still running.
            InvalidState: it ended without a result.
        """
        await self.reading.result(workflow_id, tenant)
        events = await self.reading.log(workflow_id, tenant)
        texts = closing_of(events).get("texts", {})
        return {name: WrittenText.model_validate(text) for name, text in texts.items()}

    async def markdown(self, workflow_id: str, tenant: str, name: str) -> str:
        """One text, as the model wrote it; the paid text of a report also when it has failed."""
        row = await self.reading.get(workflow_id, tenant)
        if name == TEXT and BY_KIND[row.kind].can_resume:
            return (await self.paid.read(workflow_id, tenant)).text
        texts = await self.list(workflow_id, tenant)
        if name not in texts:
            raise NotFound("there is no such text")
        return (await self.objects.get(texts[name].text.key)).decode()

    async def document(self, workflow_id: str, tenant: str, name: str) -> Document:
        """One text as a document tree."""
        row = await self.reading.get(workflow_id, tenant)
        request: WritingRequest = BY_KIND[row.kind].request.model_validate(row.input)
        written = (await self.list(workflow_id, tenant))[name]
        return await asyncio.to_thread(
            compose,
            await self.markdown(workflow_id, tenant, name),
            written,
            workflow_id=workflow_id,
            # What it is called since it was stored: the page's own heading says so, and the text does not repeat it.
            title=row.title,
            question=request.prompt,
            language=request.language,
            asked_at=row.created_at,
        )

    async def html(self, workflow_id: str, tenant: str, name: str) -> str:
        """One text as an HTML fragment, sanitised, as it was kept when it was first shown."""
        written = (await self.list(workflow_id, tenant))[name]
        return await kept_page(
            self.objects, written.text.key, self.to_html, lambda: self.document(workflow_id, tenant, name)
        )

    async def related(self, workflow_id: str, tenant: str) -> Sequence[Related]:
        """Finished reports and posts about similar things, nearest first; nothing that today's model has not embedded.

        Raises:
            NotFound: unknown id.
        """
        await self.reading.get(workflow_id, tenant)
        if not self.embedding_model:
            return ()
        return await self.similarity.nearest(workflow_id, tenant, self.embedding_model, _RELATED)
