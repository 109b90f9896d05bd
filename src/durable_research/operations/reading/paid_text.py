"""The text that a workflow has paid for, whatever its status: a failure after the model was paid loses no text.

Three places may hold it: the log (a person's edit), the ledger (the model's answer), and the draft (the part of a lost
answer that had arrived).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from durable_research import policies
from durable_research.catalogue import BY_KIND
from durable_research.domain.caller import Caller
from durable_research.domain.documents.text import TextReference, WrittenText
from durable_research.domain.errors import InvalidState, NotReady
from durable_research.domain.ledger.effects import EffectRecord, model_call_key
from durable_research.domain.ledger.usage import TokenUsage
from durable_research.domain.workflows.events import ApprovalDecided, ResumedWith
from durable_research.domain.workflows.progress import ProgressEvent, resumed_with
from durable_research.domain.workflows.workflow import Status
from durable_research.operations.reading.read import Reading
from durable_research.ports.database.workflows import WorkflowRow
from durable_research.ports.objects import ObjectStore

SIMULATOR = "simulator"


@dataclass(frozen=True)
class PaidText:
    """A text, its model and its usage. When not `is_whole`, the answer was cut, stopped or lost on its way."""

    text: str
    model: str
    provider: str
    usage: TokenUsage
    is_whole: bool

    def corrected(self, reference: TextReference) -> WrittenText:
        """A person's correction of this text, as a step's result."""
        return WrittenText(
            text=reference,
            model=self.model,
            provider=self.provider,
            is_demo=self.provider == SIMULATOR,
            usage=self.usage,
        )


def edited_by_a_person(events: Sequence[ProgressEvent]) -> TextReference | None:
    """A person's latest edit of the model's text; None after the model was paid to write another text."""
    latest, generation = None, 0
    for event in events:
        match event.payload:
            case ApprovalDecided(edited=TextReference() as edited):
                latest = edited
            case ResumedWith() as resumed:
                if resumed.generation > generation:
                    latest, generation = None, resumed.generation
                if resumed.corrected:
                    latest = resumed.corrected.text
    return latest


@dataclass
class PaidTexts:
    """Reads log, ledger, drafts and objects."""

    reading: Reading
    objects: ObjectStore

    async def read(self, workflow_id: str, caller: Caller) -> PaidText:
        """The text of a workflow that was not cancelled or compensated, as far as it was written.

        Raises:
            NotFound: unknown id.
            NotReady: nothing is written yet.
            InvalidState: it ended without a text, or its text was removed.
        """
        return await self.of(*await self.reading.with_log(workflow_id, caller))

    async def of(self, row: WorkflowRow, events: Sequence[ProgressEvent]) -> PaidText:
        """The same for a workflow that has been read already.

        Raises:
            NotReady, InvalidState: as for `read`.
        """
        pipeline = BY_KIND[row.kind]
        if row.status is Status.CANCELLED or (row.status is Status.FAILED and not pipeline.can_resume):
            raise InvalidState(f"the {pipeline.noun} is {row.status.words}; nothing of it was kept")
        found = await self.find(row, events, await self.answers(row, events))
        if found is None and row.status.is_final:
            raise InvalidState(f"the {pipeline.noun} is {row.status.words}, and the model had written nothing")
        if found is None:
            raise NotReady(f"the {pipeline.noun} is {row.status.words}; nothing is written yet")
        return found

    async def find(
        self, row: WorkflowRow, events: Sequence[ProgressEvent], answers: Sequence[EffectRecord]
    ) -> PaidText | None:
        """The text of these answers, or a person's edit of it; None when nothing was written."""
        written = await self._written(row, answers)
        edited = edited_by_a_person(events)
        if edited is None or written is None:
            return written
        text = await self._text(edited)
        return PaidText(text, written.model, written.provider, written.usage, is_whole=True)

    async def is_there(self, row: WorkflowRow, answers: Sequence[EffectRecord]) -> bool:
        """Whether any text was written; reads no object."""
        references = [TextReference.model_validate(one.unpublished["text"]) for one in answers if one.unpublished]
        references += [WrittenText.model_validate(one.result).text for one in answers if one.result]
        if any(one.size_bytes for one in references):
            return True
        draft = await self.reading.drafts.read(row.workflow_id) if answers else None
        return draft is not None and bool(draft.text)

    async def answers(self, row: WorkflowRow, events: Sequence[ProgressEvent]) -> list[EffectRecord]:
        """The ledger's records of the calls that wrote the text; a cut call stands before its continuation."""
        step = next(iter(BY_KIND[row.kind].steps))
        generation = resumed_with(events).generation
        keys = [model_call_key(row.ref, step, part, generation) for part in range(1 + policies.CONTINUATIONS_ALLOWED)]
        records = await self.reading.ledger.read(keys)
        return [records[key] for key in takewhile(records.__contains__, keys)]

    async def _written(self, row: WorkflowRow, answers: Sequence[EffectRecord]) -> PaidText | None:
        if not answers:
            return None
        parts = [WrittenText.model_validate(one.result) for one in answers if one.result]
        usage = sum((part.usage for part in parts), TokenUsage())
        text = "".join([await self._text(part.text) for part in parts])
        last = answers[-1]
        if last.unpublished:  # it includes the text of the parts before
            text = await self._text(TextReference.model_validate(last.unpublished["text"]))
        if not text:
            draft = await self.reading.drafts.read(row.workflow_id)
            text = draft.text if draft else ""
        if not text:
            return None
        is_whole = bool(parts) and parts[-1].is_whole and last.result is not None
        return PaidText(text, last.frozen.get("model", ""), last.provider, usage, is_whole)

    async def _text(self, reference: TextReference) -> str:
        return (await self.objects.get(reference.key)).decode()
