"""Making a text findable by what it is about: one paid call, through the effect ledger, and its vector in the database."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from durable_research import telemetry
from durable_research.domain.effects import Effect, ResendPolicy
from durable_research.domain.errors import InfrastructureDown, ResearchError, StepFailed
from durable_research.domain.progress import Attempt
from durable_research.domain.text import TextReference
from durable_research.effects import EffectRunner
from durable_research.ports.clock import Clock
from durable_research.ports.embeddings import Embedding, EmbeddingModel
from durable_research.ports.objects import ObjectStore
from durable_research.ports.progress import CurrentAttempt
from durable_research.ports.similarity import ReportWithoutEmbedding, Similarity
from durable_research.temporal import policies

# An embedding reads a text and writes none, so it costs far less than the text did. Two workers that died in it took a whole
# post back (a campaign of 200 posts and 40 kills showed one); each further one is counted.
_AMBIGUOUS_ALLOWED = 20

# Each is one short call; a pass of reconciliation has other things to do, and the next comes in a minute.
_REPORTS_A_PASS = 10


class Embedded(BaseModel):
    """Which model made the vector, and what it read."""

    model_config = ConfigDict(frozen=True)

    model: str
    tokens: int


@dataclass(frozen=True)
class Subject:
    """What is embedded: a workflow's finished text under its title."""

    tenant: str
    workflow_id: str
    title: str
    text: TextReference


@dataclass
class Embedder:
    """Its fields are its needs."""

    model: EmbeddingModel
    similarity: Similarity
    objects: ObjectStore
    resend: ResendPolicy = ResendPolicy.BOUNDED

    async def embed(self, subject: Subject, effects: EffectRunner, attempt: Attempt) -> Embedded:
        """Have the vector made and keep it; a repeat returns what was kept."""
        text = f"{subject.title}\n\n{(await self.objects.get(subject.text.key)).decode()}"
        effect = Effect(
            subject.tenant,
            subject.workflow_id,
            "create_embedding",
            kind="embedding",
            provider=self.model.provider,
            provider_class=self.model.provider_class,
            request={"sha256": subject.text.sha256, "title": subject.title},
            # Another model's vector is another purchase: the two cannot be compared.
            ordinal=self.model.model,
            resend=self.resend,
            settle_seconds=self.model.settle_seconds,
            ambiguous_allowed=_AMBIGUOUS_ALLOWED,
        )

        async def keep(embedding: Embedding) -> Embedded:
            await self.similarity.store(subject.tenant, embedding, attempt)
            return Embedded(model=embedding.model, tokens=embedding.tokens)

        return await effects.perform(effect, lambda _: self.model.prepare(text), keep, Embedded)


@dataclass
class ReportEmbedder:
    """Gives finished reports their vectors: nobody waits for them, so no report does.

    A provider that refuses is left alone for an hour, since it may have no embeddings at all, and the report that it refused
    by this process for good. The ledger counts attempts of a step, and a report that has ended begins none: the second of the
    pass stands for the number.
    """

    embedder: Embedder
    runner: Callable[[CurrentAttempt], EffectRunner]
    now: Clock
    _rests_until: datetime | None = field(default=None, init=False)
    _given_up: set[str] = field(default_factory=set, init=False)

    async def embed_reports(self) -> int:
        """Embed some that have none by today's model; return how many."""
        if self._rests_until and self.now() < self._rests_until:
            return 0
        done = 0
        limit = _REPORTS_A_PASS + len(self._given_up)
        found = await self.embedder.similarity.reports_without(self.embedder.model.model, limit)
        for report in [one for one in found if one.report_id not in self._given_up]:
            try:
                await self._embed(report)
            except InfrastructureDown:
                raise
            except ResearchError as error:
                # One that cannot be embedded must not stand before the others for ever.
                self._given_up.add(report.report_id)
                telemetry.get_logger().warning(telemetry.EMBEDDING_FAILED, id=report.report_id, error=error.code)
                if isinstance(error, StepFailed):
                    self._rests_until = self.now() + policies.EMBED_AGAIN_AFTER
                    break
            else:
                done += 1
        return done

    async def _embed(self, report: ReportWithoutEmbedding) -> None:
        attempt = Attempt(report.report_id, "create_embedding", int(self.now().timestamp()), "reconcile")
        subject = Subject(report.tenant, report.report_id, report.title, report.text)
        await self.embedder.embed(subject, self.runner(lambda: attempt), attempt)
