"""How a report's text and facts become the document that is typeset: the same for the PDF, the page and the download."""

from datetime import datetime

from durable_research.domain.document import Document
from durable_research.domain.markdown import parse_markdown
from durable_research.domain.usage import TokenUsage

DEMO_LABEL = "Demo text, canned by the simulator; not research"


def compose(
    text: str,
    *,
    report_id: str,
    title: str | None,
    language: str | None,
    asked_at: datetime,
    provider: str,
    model: str,
    usage: TokenUsage,
    is_demo: bool,
    is_edited: bool = False,
) -> Document:
    """Parse the model's text and add what the reader should know of its making.

    Raises:
        DocumentError: the text cannot be typeset.
    """
    facts = [
        ("Report", report_id),
        ("Asked", f"{asked_at:%Y-%m-%d %H:%M} UTC"),
        ("Provider", "simulator (demo)" if is_demo else provider),
        ("Model", model),
        ("Tokens", usage.words),
    ]
    if is_edited:
        facts.append(("Edited", "by a person, after the model had written it"))
    return parse_markdown(
        text,
        title=title,
        language=language or "en",
        footer_label=DEMO_LABEL if is_demo else None,
        facts=tuple(facts),
    )
