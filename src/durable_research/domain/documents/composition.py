"""Makes the document of a report from its text and facts: the same for the PDF, the page and the download."""

from datetime import datetime
from typing import Protocol

from durable_research.domain.documents.markdown import parse_markdown
from durable_research.domain.documents.text import TextReference
from durable_research.domain.documents.tree import Document
from durable_research.domain.language.languages import document_language
from durable_research.domain.ledger.usage import TokenUsage

DEMO_LABEL = "Demo text, canned by the simulator; not research"


class Provenance(Protocol):
    """The provenance of a text, as a step's result and a finished row both have it."""

    @property
    def text(self) -> TextReference: ...

    @property
    def provider(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def usage(self) -> TokenUsage: ...

    @property
    def is_demo(self) -> bool: ...


def compose(
    text: str,
    provenance: Provenance,
    *,
    workflow_id: str,
    title: str | None,
    language: str | None,
    asked_at: datetime,
    question: str = "",
) -> Document:
    """Parse the model's text and add its provenance."""
    facts = [
        ("Id", workflow_id),
        ("Asked", f"{asked_at:%Y-%m-%d %H:%M} UTC"),
        ("Provider", "simulator (demo)" if provenance.is_demo else provenance.provider),
        ("Model", provenance.model),
        ("Tokens", provenance.usage.words),
    ]
    if provenance.text.is_cut:
        facts.append(("Length", "cut at the model's longest; going on added nothing"))
    if provenance.text.is_edited:
        facts.append(("Edited", "by a person, after the model had written it"))
    return parse_markdown(
        text,
        title=title,
        question=question,
        language=document_language(language),
        footer_label=DEMO_LABEL if provenance.is_demo else None,
        facts=tuple(facts),
    )
