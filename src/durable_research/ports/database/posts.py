"""Finished blog posts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from durable_research.domain.documents.text import TextReference
from durable_research.domain.ledger.usage import TokenUsage
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.progress import Attempt


@dataclass(frozen=True)
class Post:
    """One finished post; its text is in the object store."""

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
    """Finished posts. Deleting compensates storing and storing compensates deleting, so both are repeatable."""

    async def store(self, post: Post, tenant: str, attempt: Attempt) -> None:
        """Insert the post while the attempt is open; an existing row stays as it is.

        Raises:
            StaleAttempt: the attempt was closed, for example by a compensation that began while its worker was frozen.
        """
        ...

    async def delete(self, post: WorkflowRef) -> None:
        """Remove the row; a missing row is no error."""
        ...
