"""Embeddings of finished texts, and the search for related ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from durable_research.domain.documents.text import TextReference
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.progress import Attempt
from durable_research.domain.workflows.workflow import Kind
from durable_research.ports.vendors.embeddings import Embedding


@dataclass(frozen=True)
class Related:
    """A finished report or post and its similarity: 1 is the same text, 0 is unrelated."""

    subject_id: str
    kind: Kind
    title: str
    similarity: float


@dataclass(frozen=True)
class Subject:
    """The embedded thing: a workflow's finished text under its title."""

    workflow: WorkflowRef
    title: str
    text: TextReference


class Neighbours(Protocol):
    """The read-only part: the search for related texts."""

    async def nearest(self, subject: WorkflowRef, model: str, limit: int) -> Sequence[Related]:
        """List the tenant's other finished subjects that this model embedded, nearest first.

        Empty when the model has not embedded the subject.
        """
        ...


class Similarity(Neighbours, Protocol):
    """Embeddings of reports and posts; a subject is a workflow's id and has at most one embedding of each model.

    The embeddings of an earlier model stay, so that a return to it finds them.
    """

    async def store(self, tenant: str, embedding: Embedding, attempt: Attempt) -> None:
        """Store the embedding of the attempt's workflow while the attempt is open; it replaces one of the same model.

        Raises:
            StaleAttempt: the attempt was closed, for example by a compensation that began while its worker was frozen.
        """
        ...

    async def has(self, subject: WorkflowRef, model: str) -> bool:
        """Whether this model's embedding of the subject is stored."""
        ...

    async def delete(self, subject: WorkflowRef) -> None:
        """Delete the subject's embeddings of all models; missing ones are no error."""
        ...

    async def subjects_without(self, model: str, limit: int) -> Sequence[Subject]:
        """List every tenant's finished reports and posts that this model has not embedded, newest first."""
        ...
