"""Resuming a failed or terminated workflow: it continues from its failed step, and nothing paid is paid again.

A settled effect returns from the ledger without a charge, and an accepted call is looked up at its provider. Only where
neither is possible is another call needed, and a person has to permit it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict

from durable_research import policies
from durable_research.catalogue import BY_KIND
from durable_research.domain.caller import Caller
from durable_research.domain.documents.draft import check_text
from durable_research.domain.documents.object_keys import Suffix
from durable_research.domain.documents.text import WrittenText, text_hash
from durable_research.domain.errors import IdempotencyKeyReused, InvalidState, Unconfirmed
from durable_research.domain.ledger.effects import (
    EMPTY_ANSWERS_ALLOWED,
    UNRESOLVED,
    Charges,
    Effect,
    EffectKind,
    EffectRecord,
    Move,
    ResendPolicy,
    SendState,
    next_move,
)
from durable_research.domain.requests.writing import Text
from durable_research.domain.values import Value
from durable_research.domain.workflows.events import CorrectedText, ResumedWith
from durable_research.domain.workflows.progress import ProgressEvent, closing_of, resumed_with
from durable_research.domain.workflows.workflow import RESUMABLE, check_resumable
from durable_research.effects.text import store_text
from durable_research.failpoints.reach import Point, reach
from durable_research.operations.reading.paid_text import PaidTexts
from durable_research.operations.reading.recoverable import Price, ResumeOffer, can_be_resumed
from durable_research.operations.reading.status import WorkflowStatus
from durable_research.operations.start import Starting
from durable_research.operations.validation import validated
from durable_research.ports.database.ledger import ResendGrants
from durable_research.ports.database.workflows import Resumption, WorkflowRow, Workflows


class ResumeRequest(Value):
    """What a person sends: nothing, a corrected text, or leave to be charged again."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: Text | None = None
    accept_charge: bool = False


@dataclass(frozen=True)
class Resumed:
    """A resumed workflow; `replayed` when the same request had resumed it before."""

    row: WorkflowRow
    replayed: bool


@dataclass
class Resuming:
    """`resend` is the installation's rule for calls whose provider offers no look-up."""

    texts: PaidTexts
    workflows: Workflows
    ledger: ResendGrants
    starting: Starting
    resend: ResendPolicy = ResendPolicy.BOUNDED

    async def offer(self, status: WorkflowStatus) -> ResumeOffer | None:
        """The offer to resume it, with its price; None when it cannot be resumed."""
        if not can_be_resumed(status.row):
            return None
        return await self._offer(status.row, status.events, status.charges)

    async def resume(
        self, workflow_id: str, caller: Caller, body: Mapping[str, Any], idempotency_key: str | None = None
    ) -> Resumed:
        """Continue from the failed step, perhaps with a corrected text.

        Raises:
            InvalidInput: the body breaks its rules.
            NotFound: unknown id.
            InvalidState: it runs, ended with another status, was compensated, or would be charged again without permission.
            IdempotencyKeyReused: the key came with another text.
            InfrastructureDown: the database is away; nothing was changed.
        """
        request = validated(ResumeRequest, body)
        reading = self.texts.reading
        row, events = await reading.with_log(workflow_id, caller)
        pipeline = BY_KIND[row.kind]
        if not pipeline.can_resume:
            raise InvalidState(
                f"what a {pipeline.noun} had made is undone when it fails; run it again, which is paid anew"
            )
        if idempotency_key and await _is_repeated(events, request, idempotency_key):
            return Resumed(row, replayed=True)
        if row.status.is_final or not row.resumption:
            check_resumable(row.status)
        await reach(Point.RESUME_BEGUN, workflow_id)
        resumption = Resumption(
            workflow_id,
            row.resumption,
            await self._payload(row, events, request, idempotency_key),
            self.starting.sleeps_until(BY_KIND[row.kind].request.model_validate(row.input)),
        )
        row, replayed = await self.workflows.resume(resumption)
        await reach(Point.RESUME_WRITTEN, workflow_id)
        self.starting.deliver(row)
        return Resumed(row, replayed)

    async def _payload(
        self, row: WorkflowRow, events: Sequence[ProgressEvent], request: ResumeRequest, key: str | None
    ) -> ResumedWith:
        """The event of resuming."""
        latest = resumed_with(events)
        resumed = ResumedWith(generation=latest.generation, **({"key": key} if key else {}))
        if request.text is not None:
            corrected = await self._corrected(row, events, request.text)
            return resumed.model_copy(update=_replacing(corrected))
        if latest.corrected:
            return resumed.model_copy(update=_replacing(latest.corrected))
        if row.status not in RESUMABLE:
            return resumed
        offer = await self._offer(row, events, await self.texts.reading.ledger.charges(row.workflow_id))
        if not offer.may_charge_again:
            return resumed
        if not request.accept_charge:
            raise InvalidState(f"{offer.words}; say that it may: accept_charge")
        generation = resumed.generation
        if offer.price is Price.ANOTHER_ANSWER:
            generation += 1
        else:
            await self.ledger.grant_resend(row.workflow_id, next(iter(BY_KIND[row.kind].steps)))
        return resumed.model_copy(update={"generation": generation, "accepted_charge": True})

    async def _corrected(self, row: WorkflowRow, events: Sequence[ProgressEvent], text: str) -> WrittenText:
        text = await asyncio.to_thread(check_text, text)
        paid = await self.texts.find(row, events, await self.texts.answers(row, events))
        if paid is None:
            raise InvalidState("there is no text to correct: the model had written nothing")
        return paid.corrected(await store_text(self.texts.objects, row.ref, text, Suffix.EDITED_TEXT))

    async def _offer(self, row: WorkflowRow, events: Sequence[ProgressEvent], charges: Charges) -> ResumeOffer:
        latest = resumed_with(events)
        answers = await self.texts.answers(row, events)
        price = Price.NOTHING if latest.corrected else self._price(row, answers)
        if price is Price.NOTHING and _is_unconfirmed(events, answers):
            price = Price.ANOTHER_SEND
        has_text = await self.texts.is_there(row, answers)
        return ResumeOffer(price, charges, has_text, answers)

    def _price(self, row: WorkflowRow, answers: Sequence[EffectRecord]) -> Price:
        """The price of the ledger's next move for the first missing part of the text."""
        missing = next((part for part, record in enumerate(answers) if record.result is None), None)
        if missing is None:
            is_cut_for_good = len(answers) > policies.CONTINUATIONS_ALLOWED
            is_cut_for_good = is_cut_for_good and not any(
                WrittenText.model_validate(one.result).is_whole for one in answers
            )
            return Price.ANOTHER_ANSWER if is_cut_for_good else Price.NOTHING
        record = answers[missing]
        effect = Effect(
            row.ref,
            next(iter(BY_KIND[row.kind].steps)),
            kind=EffectKind.MODEL_CALL,
            provider=record.provider,
            provider_class=record.provider_class,
            request={},
            resend=self.resend,
            empty_allowed=0 if missing else EMPTY_ANSWERS_ALLOWED,
        )
        move = next_move(record, effect).move
        is_spent = any(send.state is SendState.SPENT for send in record.sends)
        if move is Move.FAIL_AGAIN or (move is Move.SEND and is_spent):
            return Price.ANOTHER_ANSWER
        return Price.ANOTHER_SEND if move is Move.GIVE_UP else Price.NOTHING


def _replacing(text: WrittenText) -> dict[str, object]:
    """The fields of a resumption whose text replaces the model's."""
    return {"replaces_text": True, "texts": CorrectedText(corrected=text)}


def _is_unconfirmed(events: Sequence[ProgressEvent], answers: Sequence[EffectRecord]) -> bool:
    """Whether a worker found that the provider cannot look a call up, and the call is still unresolved.

    The ledger may record a provider with a look-up: what a worker detects about a server stays in its memory.
    """
    error = closing_of(events).error
    found = error is not None and error["code"] == Unconfirmed.code
    return found and any(send.state in UNRESOLVED for one in answers if one.result is None for send in one.sends)


async def _is_repeated(events: Sequence[ProgressEvent], request: ResumeRequest, key: str) -> bool:
    """Whether the workflow has been resumed under this key before.

    Raises:
        IdempotencyKeyReused: the key came with another text.
    """
    resumptions = [event.payload for event in events if isinstance(event.payload, ResumedWith)]
    earlier = next((one for one in resumptions if one.key == key), None)
    if earlier is None:
        return False
    if request.text is not None:
        text = await asyncio.to_thread(check_text, request.text)
        if earlier.corrected is None or earlier.corrected.text.sha256 != text_hash(text):
            raise IdempotencyKeyReused("this Idempotency-Key was used with another text; send a new key")
    return True
