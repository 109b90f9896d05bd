"""Finished blog posts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from durable_research.domain.documents.text import TextReference
from durable_research.domain.ledger.usage import TokenUsage
from durable_research.domain.workflows.progress import Attempt


@dataclass(frozen=True)
class Post:
    """One finished post; its text lies in the object store."""

    post_id: str
    title: str
    prompt: str
    language: str | None
    text: TextReference
    model: str
    provider: str
    is_demo: bool
    usage: TokenUsage
    asked_at: datetime


class Posts(Protocol):
    """Finished posts. A post can be taken back, so storing and deleting are each other's undo and both repeatable."""

    async def store(self, post: Post, tenant: str, attempt: Attempt) -> None:
        """Insert the post while the attempt is open; a row that stands is left alone.

        Raises:
            StaleAttempt: the attempt was closed, as by an undo that began while its worker was frozen.
        """
        ...

    async def delete(self, post_id: str, tenant: str) -> None:
        """Remove the row; one that is gone already is no error."""
        ...
