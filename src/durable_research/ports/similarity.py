"""What is about the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from durable_research.domain.progress import Attempt
from durable_research.domain.text import TextReference
from durable_research.domain.workflow import Kind
from durable_research.ports.embeddings import Embedding


@dataclass(frozen=True)
class Related:
    """A finished report or post and how near it is: 1 says the same, 0 has nothing to do with it."""

    subject_id: str
    kind: Kind
    title: str
    similarity: float


@dataclass(frozen=True)
class ReportWithoutEmbedding:
    """A finished report that cannot be found as related yet, and where its text lies."""

    report_id: str
    tenant: str
    title: str
    text: TextReference


class Similarity(Protocol):
    """Embeddings of reports and posts; a subject is a workflow's id and has one embedding at most."""

    async def store(self, tenant: str, embedding: Embedding, attempt: Attempt) -> None:
        """Keep the embedding of the attempt's workflow while it is open, in place of an earlier one.

        Raises:
            StaleAttempt: the attempt was closed, as by an undo that began while its worker was frozen.
        """
        ...

    async def delete(self, subject_id: str, tenant: str) -> None:
        """Forget the subject's embedding; one that is gone already is no error."""
        ...

    async def nearest(self, subject_id: str, tenant: str, limit: int) -> Sequence[Related]:
        """The tenant's other finished subjects that the same model embedded, nearest first.

        Nothing, when the subject has no embedding.
        """
        ...

    async def reports_without(self, model: str, limit: int) -> Sequence[ReportWithoutEmbedding]:
        """Every tenant's finished reports that this model has not embedded, newest first."""
        ...
