"""The text effect: one paid model call, and further calls that continue where its answer was cut.

Every pipeline writes its texts with it, and so through the effect ledger. Texts go to the object store under the hash of
their bytes; results and histories hold references.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from durable_research import policies
from durable_research.domain.documents.object_keys import Suffix, content_hash, folder_of, object_key
from durable_research.domain.documents.text import TextReference, WrittenText, text_bytes
from durable_research.domain.ledger.effects import EMPTY_ANSWERS_ALLOWED, Effect, EffectKind, ResendPolicy
from durable_research.domain.ledger.usage import TokenUsage
from durable_research.domain.model_errors import (
    EmptyOutput,
    ModelTooLarge,
    ModelTruncated,
    OnlyReasoning,
)
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.effects.runner import Performer
from durable_research.ports.database.progress import CurrentAttempt, Drafts
from durable_research.ports.objects import ObjectStore
from durable_research.ports.vendors.models import LanguageModel, ModelAnswer, ModelCall
from durable_research.ports.vendors.remote import RemoteEffect
from durable_research.telemetry.meter import NO_METER, Meter
from durable_research.telemetry.metrics import TOKENS
from durable_research.telemetry.outcomes import Direction

# A change here changes new calls only: the first claim freezes the prompt.
CONTINUATION_PROMPT = """\
Your answer was cut off at its end. Go on exactly there, even in the middle of a word.
Repeat nothing, do not comment on the interruption, and keep the Markdown that is open."""

# A continuation may fail with these when the model has no more to write: then the text so far is the answer.
_ADDS_NOTHING = (EmptyOutput, OnlyReasoning, ModelTooLarge)


@dataclass(frozen=True)
class Assignment:
    """The text to write for a step; another `generation` is a deliberate second purchase."""

    workflow: WorkflowRef
    step: str
    instructions: str
    prompt: str
    generation: int = 0


@dataclass
class TextWriter:
    """Writes texts; the growing text is shown as a draft."""

    effects: Performer
    current_attempt: CurrentAttempt
    drafts: Drafts
    model: LanguageModel
    objects: ObjectStore
    resend: ResendPolicy = ResendPolicy.BOUNDED
    meter: Meter = NO_METER

    async def write(self, assignment: Assignment) -> WrittenText:
        """Call the model, and continue where it was cut; a retry re-attaches to the call that an earlier attempt began.

        A text that a continuation does not extend, or that fills the model's context, is the answer, and marked as cut.

        Raises:
            ModelTruncated: it was cut in every continuation that is allowed.
            ModelStopped: it ended for an unknown reason; its text is in the object store, and referenced in the ledger.
        """
        so_far, usage = "", TokenUsage()
        latest: WrittenText | None = None
        for part_number in range(1 + policies.CONTINUATIONS_ALLOWED):
            try:
                part = await self._write_part(assignment, part_number, so_far)
            except _ADDS_NOTHING:
                if latest is None:
                    raise
                return await self._finished(assignment, latest, so_far, usage, Suffix.CUT_TEXT)
            usage += part.usage
            if part.is_whole and not so_far:
                return part
            so_far += await self.read(part.text)
            if part.is_whole:
                return await self._finished(assignment, part, so_far, usage)
            latest = part
        raise ModelTruncated(f"the answer was cut {1 + policies.CONTINUATIONS_ALLOWED} times and is still not whole")

    async def read(self, text: TextReference) -> str:
        """The text itself."""
        return (await self.objects.get(text.key)).decode()

    async def remove_all(self, workflow: WorkflowRef) -> None:
        """Remove every object of a workflow; a missing one is no error."""
        for one in [one async for one in self.objects.list(folder_of(workflow))]:
            await self.objects.delete(one.key)

    async def _finished(
        self, assignment: Assignment, part: WrittenText, text: str, usage: TokenUsage, suffix: Suffix = Suffix.TEXT
    ) -> WrittenText:
        """The whole text, of which this is the last part that is not empty."""
        self.drafts.drop(self.current_attempt())
        stored = await store_text(self.objects, assignment.workflow, text, suffix)
        return part.model_copy(update={"text": stored, "usage": usage, "is_whole": True})

    async def _write_part(self, assignment: Assignment, part_number: int, so_far: str) -> WrittenText:
        """One paid model call: the answer's beginning, or its continuation."""
        attempt = self.current_attempt()
        effect = self._effect(assignment, part_number, is_continuation=bool(so_far))
        bought: list[TokenUsage] = []  # by this attempt; a settled call comes back without being stored again

        async def store(answer: ModelAnswer) -> WrittenText:
            written = WrittenText(
                text=await self._store(assignment, answer.text),
                model=answer.model,
                provider=self.model.provider,
                is_demo=self.model.is_demo,
                usage=answer.usage,
                is_whole=answer.is_whole,
            )
            if answer.is_whole:
                self.drafts.drop(attempt)
            bought[:] = [answer.usage]
            return written

        def prepare(frozen: Mapping[str, Any]) -> RemoteEffect[ModelAnswer]:
            call = ModelCall(
                frozen["instructions"],
                assignment.prompt,
                frozen["model"],
                so_far,
                frozen.get("go_on", CONTINUATION_PROMPT),
            )
            return self.model.prepare(call, lambda text: self.drafts.show(attempt, so_far + text))

        salvage = partial(self._salvage, assignment, so_far)
        part = await self.effects.perform(effect, prepare, store, WrittenText, salvage)
        for usage in bought:
            self.meter.count(TOKENS, usage.input_tokens, model=self.model.model, direction=Direction.INPUT)
            self.meter.count(TOKENS, usage.output_tokens, model=self.model.model, direction=Direction.OUTPUT)
        return part

    def _effect(self, assignment: Assignment, part_number: int, *, is_continuation: bool) -> Effect:
        return Effect(
            assignment.workflow,
            assignment.step,
            kind=EffectKind.MODEL_CALL,
            provider=self.model.provider,
            provider_class=self.model.provider_class,
            request={"prompt": assignment.prompt},
            frozen={"model": self.model.model, "instructions": assignment.instructions, "go_on": CONTINUATION_PROMPT},
            ordinal=str(part_number),
            generation=assignment.generation,
            resend=self.resend,
            settle_seconds=self.model.settle_seconds,
            # A continuation that adds nothing means that there is no more; a second answer would add nothing either.
            empty_allowed=0 if is_continuation else EMPTY_ANSWERS_ALLOWED,
        )

    async def _salvage(self, assignment: Assignment, so_far: str, text: str) -> Mapping[str, Any]:
        """Store a paid text that is not published, since it may be incomplete."""
        return {"text": (await self._store(assignment, so_far + text)).model_dump(mode="json")}

    async def _store(self, assignment: Assignment, text: str) -> TextReference:
        return await store_text(self.objects, assignment.workflow, text)


async def store_text(
    objects: ObjectStore, workflow: WorkflowRef, text: str, suffix: Suffix = Suffix.TEXT
) -> TextReference:
    """Store a text of a workflow under the hash of its bytes."""
    data = text_bytes(text)
    digest = content_hash(data)
    key = object_key(workflow, digest, suffix)
    await objects.put(key, data)
    return TextReference(key=key, sha256=digest, size_bytes=len(data))
