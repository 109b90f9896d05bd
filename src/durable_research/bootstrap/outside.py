"""The outside services of a worker: the model, embeddings, notification channels and the typesetter."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from durable_research import queues
from durable_research.adapters.documents.typst import TypstRenderer
from durable_research.bootstrap import adapters
from durable_research.pipelines.generate_report.pipeline import CREATE_PDF
from durable_research.ports.documents import DocumentRenderer
from durable_research.ports.vendors.embeddings import EmbeddingModel
from durable_research.ports.vendors.models import LanguageModel
from durable_research.ports.vendors.notifiers import Notifier
from durable_research.settings.settings import Settings


@dataclass(frozen=True)
class Outside:
    """One of each; replace one by `dataclasses.replace`. Without an embedding model, embeddings are off."""

    model: LanguageModel
    embedding_model: EmbeddingModel | None
    notifiers: Mapping[str, Notifier]
    renderer: DocumentRenderer


async def open_outside(settings: Settings, served: Sequence[str], stack: AsyncExitStack) -> Outside:
    """Open all of it until the stack closes; a renderer is only started where documents are rendered."""
    model, embedding_model = adapters.model(settings), adapters.embedding_model(settings)
    stack.push_async_callback(model.close)
    if embedding_model:
        stack.push_async_callback(embedding_model.close)
    renderer = TypstRenderer(settings.renderer_processes, try_seconds=CREATE_PDF.try_seconds)
    stack.push_async_callback(renderer.close)
    if queues.DOCUMENTS in served:
        await renderer.start()
    return Outside(model, embedding_model, adapters.notifiers(settings, stack), renderer)
