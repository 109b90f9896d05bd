"""What is about the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from durable_research.domain.documents.text import TextReference
from durable_research.domain.workflows.progress import Attempt
from durable_research.domain.workflows.workflow import Kind
from durable_research.ports.vendors.embeddings import Embedding


@dataclass(frozen=True)
class Related:
    """A finished report or post and how near it is: 1 says the same, 0 has nothing to do with it."""

    subject_id: str
    kind: Kind
    title: str
    similarity: float


@dataclass(frozen=True)
class Subject:
    """What is embedded: a workflow's finished text under its title."""

    tenant: str
    workflow_id: str
    title: str
    text: TextReference


class Neighbours(Protocol):
    """What those need who only look for related texts."""

    async def nearest(self, subject_id: str, tenant: str, model: str, limit: int) -> Sequence[Related]:
        """The tenant's other finished subjects that this model embedded, nearest first.

        Nothing, when it has not embedded the subject.
        """
        ...


class Similarity(Neighbours, Protocol):
    """Embeddings of reports and posts; a subject is a workflow's id and has at most one embedding of each model.

    An earlier model's stay where they are, so that going back to it finds them.
    """

    async def store(self, tenant: str, embedding: Embedding, attempt: Attempt) -> None:
        """Keep the embedding of the attempt's workflow while it is open, in place of an earlier one of the same model.

        Raises:
            StaleAttempt: the attempt was closed, as by an undo that began while its worker was frozen.
        """
        ...

    async def has(self, subject_id: str, tenant: str, model: str) -> bool:
        """Whether this model's embedding of the subject is kept."""
        ...

    async def delete(self, subject_id: str, tenant: str) -> None:
        """Forget the subject's embeddings, whichever model made them; those that are gone already are no error."""
        ...

    async def subjects_without(self, model: str, limit: int) -> Sequence[Subject]:
        """Every tenant's finished reports and posts that this model has not embedded, newest first."""
        ...
