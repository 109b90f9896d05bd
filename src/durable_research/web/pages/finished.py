"""The content of a finished workflow's page: its texts, facts about them, files, and related reports and posts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from durable_research.domain.documents.text import TextReference, WrittenText
from durable_research.domain.errors import InvalidState, NotReady
from durable_research.domain.workflows.workflow import Kind, Status
from durable_research.operations.facade import Operations
from durable_research.operations.reading.status import WorkflowStatus
from durable_research.operations.reading.texts import texts_of
from durable_research.ports.database.similarity import Related
from durable_research.ports.database.workflows import WorkflowRow
from durable_research.web.http import addresses


@dataclass(frozen=True)
class Article:
    """One text for reading; a single one gets no heading."""

    heading: str
    html: Markup


@dataclass(frozen=True)
class Finished:
    """Everything beside the steps. `files` are label and address; the first one is the main file."""

    title: str
    articles: Sequence[Article]
    facts: Sequence[tuple[str, str]]
    files: Sequence[tuple[str, str]]
    related: Sequence[Related] = ()
    embeddings_off: bool = False


async def finished(operations: Operations, status: WorkflowStatus) -> Finished | None:
    """The results; None while there are none (the row of a partly done report is stored a little later)."""
    row = status.row
    if row.status not in {Status.DONE, Status.PARTLY_DONE}:
        return None
    try:
        if row.kind is Kind.REPORT:
            return await _report(operations, row)
        return await _texts(operations, row, texts_of(status.events))
    except (NotReady, InvalidState):
        return None


def _markup(fragment: str) -> Markup:
    # The fragment is made from the document tree, in which every text is data, and sanitised after that.
    return Markup(fragment)  # noqa: S704


async def _report(operations: Operations, row: WorkflowRow) -> Finished:
    report = await operations.reports.of(row)
    pdf, markdown, html = (addresses.report(row.workflow_id, ending) for ending in ("pdf", "md", "html"))
    return Finished(
        report.title,
        [Article("", _markup(await operations.reports.html(report)))],
        [
            ("Pages", str(report.pdf.pages)),
            *_facts(report.model, report.provider, report.usage.words, is_demo=report.is_demo),
            *_length(report.text),
        ],
        [("Open the PDF", pdf), ("Download PDF", pdf), ("Markdown", markdown), ("HTML", html)],
        await operations.texts.related(row),
        embeddings_off=not operations.texts.embedding_model,
    )


async def _texts(operations: Operations, row: WorkflowRow, texts: Mapping[str, WrittenText]) -> Finished:
    articles = []
    # A summary is read first, though it was written last.
    for name in sorted(texts, key=lambda name: name != "summary"):
        page = await operations.texts.html(row, texts[name])
        articles.append(Article(name.capitalize() if len(texts) > 1 else "", _markup(page)))
    written = list(texts.values())
    return Finished(
        row.title,
        articles,
        _facts_of(written),
        [(f"{name.capitalize()} (Markdown)", addresses.text(row.workflow_id, name)) for name in texts],
        await operations.texts.related(row),
        embeddings_off=not operations.texts.embedding_model,
    )


def _facts_of(written: Sequence[WrittenText]) -> list[tuple[str, str]]:
    if not written:
        return []
    usage = written[0].usage
    for one in written[1:]:
        usage += one.usage
    facts = _facts(written[0].model, written[0].provider, usage.words, is_demo=written[0].is_demo)
    return [*facts, *next((length for one in written if (length := _length(one.text))), [])]


def _length(text: TextReference) -> list[tuple[str, str]]:
    return [("Length", "cut at the model's longest")] if text.is_cut else []


def _facts(model: str, provider: str, tokens: str, *, is_demo: bool) -> list[tuple[str, str]]:
    return [("Model", model), ("Provider", "simulator (demo)" if is_demo else provider), ("Tokens", tokens)]
