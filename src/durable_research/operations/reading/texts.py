"""The texts that a finished workflow wrote, and the finished texts related to it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from durable_research.catalogue import BY_KIND
from durable_research.domain.caller import Caller
from durable_research.domain.documents.composition import compose
from durable_research.domain.documents.text import WrittenText
from durable_research.domain.documents.tree import Document
from durable_research.domain.errors import NotFound
from durable_research.domain.requests.writing import WritingRequest
from durable_research.domain.workflows.progress import ProgressEvent, closing_of
from durable_research.operations.reading.paid_text import PaidTexts
from durable_research.operations.reading.read import Reading, check_has_result
from durable_research.operations.reading.recoverable import TEXT
from durable_research.operations.reading.stored_pages import Format, stored_page
from durable_research.ports.database.similarity import Neighbours, Related
from durable_research.ports.database.workflows import WorkflowRow
from durable_research.ports.objects import ObjectStore

_RELATED = 5


@dataclass
class ReadingTexts:
    """Reads the log and objects; `to_html` turns a document into text.

    `embedding_model` is the current one: related texts are found by its embeddings only. When empty, embeddings are off.
    """

    reading: Reading
    paid: PaidTexts
    objects: ObjectStore
    similarity: Neighbours
    to_html: Format
    embedding_model: str

    async def markdown(self, workflow_id: str, caller: Caller, name: str) -> str:
        """One text, as the model wrote it; a failed report's paid text too.

        Raises:
            NotFound: unknown id or name.
            NotReady: it is still running.
            InvalidState: it ended without a result.
        """
        row, events = await self.reading.with_log(workflow_id, caller)
        if name == TEXT and BY_KIND[row.kind].can_resume:
            return (await self.paid.of(row, events)).text
        check_has_result(row)
        texts = texts_of(events)
        if name not in texts:
            raise NotFound("there is no such text")
        return await self._text(texts[name])

    async def document(self, row: WorkflowRow, written: WrittenText) -> Document:
        """One of the workflow's texts as a document tree."""
        request: WritingRequest = BY_KIND[row.kind].request.model_validate(row.input)
        return await asyncio.to_thread(
            compose,
            await self._text(written),
            written,
            workflow_id=row.workflow_id,
            # The title under which it was stored: the page's heading shows it, so the text must not repeat it.
            title=row.title,
            question=request.prompt,
            language=request.language,
            asked_at=row.created_at,
        )

    async def html(self, row: WorkflowRow, written: WrittenText) -> str:
        """One of the workflow's texts as a sanitised HTML fragment, as stored when it was first shown."""
        return await stored_page(self.objects, written.text.key, self.to_html, lambda: self.document(row, written))

    async def related(self, row: WorkflowRow) -> Sequence[Related]:
        """Finished reports and posts on similar subjects, nearest first; only texts that the current model has embedded."""
        if not self.embedding_model:
            return ()
        return await self.similarity.nearest(row.ref, self.embedding_model, _RELATED)

    async def _text(self, written: WrittenText) -> str:
        return (await self.objects.get(written.text.key)).decode()


def texts_of(events: Sequence[ProgressEvent]) -> Mapping[str, WrittenText]:
    """The texts that a finished workflow wrote, by name, in the order in which they were written."""
    texts = closing_of(events).texts
    return {name: WrittenText.model_validate(text) for name, text in texts.items()}
