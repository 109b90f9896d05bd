"""Rendering documents to files."""

from typing import Protocol

from durable_research.domain.documents.tree import Document, RenderedDocument


class DocumentRenderer(Protocol):
    """Document tree -> file. The same tree gives the same bytes."""

    async def render(self, document: Document) -> RenderedDocument:
        """Typeset the document.

        Raises:
            DocumentError: this text cannot be typeset.
            RendererCrashed: the rendering process died or hung.
        """
        ...
