"""Approving a draft: showing it, and delivering a person's decision to the workflow that waits for it.

The workflow alone decides which decision is the first; the answer here comes from it, or from the log that it wrote.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, JsonValue

from durable_research.domain.caller import Caller
from durable_research.domain.documents.draft import check_text
from durable_research.domain.documents.object_keys import Suffix
from durable_research.domain.documents.text import text_hash
from durable_research.domain.errors import AlreadyDecided, FieldError, InvalidInput, InvalidState, NotFound
from durable_research.domain.requests.writing import Text
from durable_research.domain.values import Value
from durable_research.domain.workflows.approval import ApprovalDecision, Verdict
from durable_research.domain.workflows.progress import ProgressEvent
from durable_research.effects.text import store_text
from durable_research.failpoints.reach import Point, reach
from durable_research.operations.reading.pending_decisions import OpenApproval, open_approval, recorded_decision
from durable_research.operations.reading.read import Reading
from durable_research.operations.validation import validated
from durable_research.ports.database.workflows import WorkflowRow
from durable_research.ports.engine.engine import WorkflowEngine
from durable_research.ports.objects import ObjectStore

_TEXT_WITH_AN_EDIT: dict[str, JsonValue] = {
    "if": {"properties": {"decision": {"const": Verdict.EDIT.value}}},
    "then": {"required": ["text"], "properties": {"text": {"type": "string"}}},
    "else": {"properties": {"text": {"type": "null"}}},
}


class ApprovalRequest(Value):
    """What a person sends; `text` comes with an edit and with nothing else."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=_TEXT_WITH_AN_EDIT)

    decision: Literal["approve", "edit", "refuse"]
    draft_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    decision_id: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,255}$")] | None = None
    text: Text | None = None


@dataclass(frozen=True)
class Delivered:
    """A delivered decision. `outcome` is the workflow's answer; None while no worker runs that could answer."""

    row: WorkflowRow
    decision_id: str
    outcome: Verdict | None


@dataclass
class Approving:
    """Like every text, an edited one is stored as an object before the workflow receives its reference."""

    reading: Reading
    objects: ObjectStore
    engine: WorkflowEngine

    async def draft(self, workflow_id: str, caller: Caller) -> str:
        """The text that waits for approval, as the model wrote it.

        Raises:
            NotFound: unknown id.
            InvalidState: nothing waits for approval.
        """
        return await self.text(_open(*await self.reading.with_log(workflow_id, caller)))

    async def text(self, approval: OpenApproval) -> str:
        """The text that waits, of an approval that has been read already."""
        return (await self.objects.get(approval.question.draft.text.key)).decode()

    async def draft_pdf(self, workflow_id: str, caller: Caller) -> bytes:
        """The PDF of the draft that waits, if it is typeset already.

        Raises:
            NotFound: unknown id, or there is no PDF yet.
            InvalidState: nothing waits for approval.
        """
        pdf = _open(*await self.reading.with_log(workflow_id, caller)).question.pdf
        if pdf is None:
            raise NotFound("the draft is not typeset yet")
        return await self.objects.get(pdf.key)

    async def decide(
        self, workflow_id: str, caller: Caller, body: Mapping[str, Any], decision_id: str | None = None
    ) -> Delivered:
        """Deliver a person's decision; the same `decision_id` again gets the same answer.

        Raises:
            InvalidInput: the body is no decision, or a decision that is not possible here.
            NotFound: unknown id.
            InvalidState: nothing waits for approval, or another draft waits.
            AlreadyDecided: another decision came first.
            InfrastructureDown: the engine is away; the request can be repeated.
        """
        request = validated(ApprovalRequest, body)
        if (request.text is not None) != (request.decision == "edit"):
            raise InvalidInput([FieldError("/text", "required", "comes with an edit, and with nothing else")])
        decision_id = request.decision_id or decision_id or secrets.token_hex(16)
        row, events = await self.reading.with_log(workflow_id, caller)
        recorded = recorded_decision(events)
        if recorded is None:
            outcome = await self._deliver(row, _open(row, events), request, decision_id)
        elif recorded.decision_id == decision_id and await _is_the_same(request, recorded):
            outcome = recorded.decision
        else:
            by = f" by decision {recorded.decision_id!r}" if recorded.decision_id else ""
            raise AlreadyDecided(f"the draft has been {recorded.decision.words}{by}")
        return Delivered(await self.reading.get(workflow_id, caller), decision_id, outcome)

    async def _deliver(
        self, row: WorkflowRow, approval: OpenApproval, request: ApprovalRequest, decision_id: str
    ) -> Verdict | None:
        question, workflow_id = approval.question, row.workflow_id
        verdict = Verdict(request.decision)
        if verdict not in question.verdicts:
            words = " or ".join(one.value for one in question.verdicts)
            raise InvalidInput([FieldError("/decision", "enum", f"must be {words} here")])
        if request.draft_sha256 != question.draft_sha256:
            raise InvalidState("this is not the draft that waits for approval; read it again")
        edited = None
        if request.text is not None:
            text = await asyncio.to_thread(check_text, request.text)
            edited = await store_text(self.objects, row.ref, text, Suffix.EDITED_TEXT)
        decision = ApprovalDecision(
            decision_id=decision_id, decision=verdict, draft_sha256=request.draft_sha256, edited=edited
        )
        recorded = await self.engine.approve(workflow_id, decision)
        # Without a worker there is no answer, but the engine stores a signal until a worker runs.
        if recorded is None and not await self.engine.approve_unanswered(workflow_id, decision):
            raise InvalidState("the workflow is not running any more")
        await reach(Point.APPROVE_SENT, workflow_id)
        if recorded is None:
            return None
        # Temporal answers a repeated update with its first answer, whatever the repeated update contains.
        if recorded != decision:
            raise AlreadyDecided(f"the draft has been {recorded.decision.words} by decision {decision_id!r}")
        return recorded.decision


def _open(row: WorkflowRow, events: Sequence[ProgressEvent]) -> OpenApproval:
    approval = open_approval(row, events)
    if approval is None:
        raise InvalidState(f"the workflow is {row.status.words} and nothing waits for approval")
    return approval


async def _is_the_same(request: ApprovalRequest, recorded: ApprovalDecision) -> bool:
    """Whether a request repeated under one id equals the first: an opposite verdict is another decision."""
    if request.decision != recorded.decision:
        return False
    if request.text is None or recorded.edited is None:
        return request.text is None
    text = await asyncio.to_thread(check_text, request.text)
    return text_hash(text) == recorded.edited.sha256
