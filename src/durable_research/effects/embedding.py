"""Embeds a text, so that it is found by its subject: one paid call, through the effect ledger, and a vector in the database."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from durable_research import policies
from durable_research.domain.errors import (
    InfrastructureDown,
    InvalidState,
    ResearchError,
    StaleAttempt,
    StepFailed,
    StepTimedOut,
)
from durable_research.domain.ledger.effects import Effect, EffectKind, ResendPolicy
from durable_research.domain.values import Value
from durable_research.domain.workflows.progress import NUMBERED_BY_LEDGER, Attempt
from durable_research.effects.runner import EffectRunner
from durable_research.ports.clock import Clock
from durable_research.ports.database.progress import CurrentAttempt
from durable_research.ports.database.similarity import Similarity, Subject
from durable_research.ports.objects import ObjectStore
from durable_research.ports.vendors.embeddings import Embedding, EmbeddingModel
from durable_research.telemetry import logs
from durable_research.telemetry.meter import NO_METER, Meter
from durable_research.telemetry.metrics import TOKENS
from durable_research.telemetry.outcomes import Direction


class Embedded(Value):
    """The model and the tokens of a vector, or the reason why there is none."""

    model: str
    tokens: int
    left_out: str = ""


@dataclass
class Embedder:
    """Makes and stores the vector of a text; `model` is None where embeddings are off."""

    model: EmbeddingModel | None
    similarity: Similarity
    objects: ObjectStore
    resend: ResendPolicy = ResendPolicy.BOUNDED
    meter: Meter = NO_METER

    async def embed(self, subject: Subject, effects: EffectRunner, generation: int = 0) -> Embedded:
        """Buy the vector and store it; a repeat returns what was stored, another `generation` buys it anew."""
        model = self.model
        if model is None:
            return Embedded(model="", tokens=0, left_out="embeddings are off")
        text = f"{subject.title}\n\n{(await self.objects.get(subject.text.key)).decode()}"
        effect = Effect(
            subject.workflow,
            policies.EMBEDDING_STEP,
            kind=EffectKind.EMBEDDING,
            provider=model.provider,
            provider_class=model.provider_class,
            request={"sha256": subject.text.sha256, "title": subject.title},
            # Another model's vector is another purchase: the two cannot be compared.
            ordinal=model.model,
            generation=generation,
            resend=self.resend,
            settle_seconds=model.settle_seconds,
            ambiguous_allowed=policies.EMBEDDINGS_UNRESOLVED_ALLOWED,
        )

        async def store(embedding: Embedding) -> Embedded:
            await self.similarity.store(subject.workflow.tenant, embedding, effects.current_attempt())
            bought[:] = [embedding.tokens]
            return Embedded(model=embedding.model, tokens=embedding.tokens)

        bought: list[int] = []
        embedded = await effects.perform(effect, lambda _: model.prepare(text), store, Embedded)
        for tokens in bought:
            self.meter.count(TOKENS, tokens, model=model.model, direction=Direction.INPUT)
        return embedded


@dataclass
class LateEmbedder:
    """Buys the vectors that finished reports and posts lack, in reconciliation.

    A post lacks one when another model embedded it, when embeddings were off, or when a person skipped it.

    After a refusal the provider gets no request for an hour, since it may have no embeddings at all, and this process never
    sends the refused text again. A workflow that has ended begins no attempts, so the ledger numbers them.
    """

    embedder: Embedder
    runner: Callable[[CurrentAttempt], EffectRunner]
    now: Clock
    _paused_until: datetime | None = field(default=None, init=False)
    _given_up: set[str] = field(default_factory=set, init=False)

    async def embed_missing(self) -> int:
        """Embed some texts without a vector of the current model; return how many."""
        if self.embedder.model is None or (self._paused_until and self.now() < self._paused_until):
            return 0
        model = self.embedder.model.model
        done = 0
        limit = policies.EMBEDDINGS_A_PASS + len(self._given_up)
        found = await self.embedder.similarity.subjects_without(model, limit)
        for subject in [one for one in found if one.workflow.workflow_id not in self._given_up]:
            try:
                async with asyncio.timeout(policies.EMBED_LATE_WITHIN.total_seconds()):
                    await self._embed(subject, model)
            except InfrastructureDown:
                raise
            except StaleAttempt:
                continue  # another pass embeds it
            except (ResearchError, TimeoutError) as error:
                code = error.code if isinstance(error, ResearchError) else StepTimedOut.code
                logs.emit(logs.EMBEDDING_FAILED, workflow_id=subject.workflow.workflow_id, error=code)
                if isinstance(error, ResearchError) and not error.waits:
                    # A text that cannot be embedded must not block the others.
                    self._given_up.add(subject.workflow.workflow_id)
                if isinstance(error, StepFailed | TimeoutError):
                    self._paused_until = self.now() + policies.EMBED_AGAIN_AFTER
                    break
            else:
                done += 1
        return done

    async def _embed(self, subject: Subject, model: str) -> None:
        attempt = Attempt(subject.workflow.workflow_id, policies.EMBEDDING_STEP, NUMBERED_BY_LEDGER, "reconcile")
        runner = self.runner(lambda: attempt)
        for generation in range(policies.EMBEDDINGS_BOUGHT_AT_MOST):
            await self.embedder.embed(subject, runner, generation)
            # A settled effect is not repeated, though its row may have been removed since. The check is needed because
            # a pass that was slow may hold an old list.
            if await self.embedder.similarity.has(subject.workflow, model):
                return
        raise InvalidState(
            f"its embedding was removed {policies.EMBEDDINGS_BOUGHT_AT_MOST} times; it is not bought again"
        )
