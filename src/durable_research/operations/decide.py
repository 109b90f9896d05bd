"""Decisions for a workflow that waits for a person: to repeat a send that may have been accepted, or to retry an undo."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict

from durable_research.domain.caller import Caller
from durable_research.domain.errors import FieldError, InvalidInput, InvalidState
from durable_research.domain.values import Value
from durable_research.domain.workflows.workflow import Decided, Decision, Status
from durable_research.operations.reading.pending_decisions import open_question
from durable_research.operations.reading.read import Reading
from durable_research.operations.validation import validated
from durable_research.ports.database.ledger import ResendGrants
from durable_research.ports.database.workflows import WorkflowRow
from durable_research.ports.engine.engine import WorkflowEngine


class DecisionRequest(Value):
    """What a person sends."""

    model_config = ConfigDict(extra="forbid")

    decision: Decision


@dataclass
class Deciding:
    """The permission to send again is stored before the workflow is signalled; a repeated decision changes nothing."""

    reading: Reading
    ledger: ResendGrants
    engine: WorkflowEngine

    async def decide(self, workflow_id: str, caller: Caller, body: Mapping[str, Any]) -> WorkflowRow:
        """Deliver a person's decision to a waiting workflow.

        Raises:
            InvalidInput: the body is no decision.
            NotFound: unknown id.
            InvalidState: it does not wait for a person.
            InfrastructureDown: the engine is away; the request can be repeated.
        """
        decision = validated(DecisionRequest, body).decision
        row, events = await self.reading.with_log(workflow_id, caller)
        question = open_question(row, events)
        if question is None and row.status is Status.WAITING_FOR_YOU:
            raise InvalidState("the workflow waits for a draft to be approved: durable-research approve, or /approve")
        if question is None:
            raise InvalidState(f"the workflow is {row.status.words} and does not wait for a decision")
        if decision not in question.decisions:
            words = " or ".join(one.value for one in question.decisions)
            raise InvalidInput([FieldError("/decision", "enum", f"must be {words} here")])
        if decision is Decision.SEND_AGAIN and not await self.ledger.grant_resend(workflow_id, question.step):
            raise InvalidState("what was asked about has been answered meanwhile; nothing is sent again")
        decided = Decided(step=question.step, attempt=question.attempt, decision=decision)
        if not await self.engine.decide(workflow_id, decided):
            raise InvalidState("the workflow is not running any more")
        return row
