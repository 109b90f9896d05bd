"""The WorkflowEngine port on a Temporal client."""

import json
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import suppress
from datetime import UTC
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from pydantic import BaseModel
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.api.workflowservice.v1 import UpdateActivityOptionsRequest
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from durable_research import policies
from durable_research.domain.errors import AlreadyDecided, InfrastructureDown, InvalidState
from durable_research.domain.workflows.approval import ApprovalDecision
from durable_research.domain.workflows.workflow import Decided, kind_of
from durable_research.ports.engine.engine import EngineView, PendingStep
from durable_research.temporal import names
from durable_research.temporal.client.rpc import answers_within

_TENANT = SearchAttributeKey.for_keyword(names.TENANT)
_KIND = SearchAttributeKey.for_keyword(names.KIND)
_UNKNOWN = {RPCStatusCode.NOT_FOUND}
_ENDED = {*_UNKNOWN, RPCStatusCode.FAILED_PRECONDITION}


class TemporalEngine:
    """Starts, cancels and describes workflows; every answer or refusal comes within seconds."""

    name = "temporal"

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def namespace(self) -> str:
        """The namespace that the connection names."""
        return self._client.namespace

    async def check(self) -> None:
        """Return when the server answers."""
        async with answers_within(policies.ENGINE_ANSWER):
            healthy = await self._client.service_client.check_health(timeout=policies.ENGINE_ANSWER)
        if not healthy:
            raise InfrastructureDown("temporal is not serving")

    async def start(
        self,
        workflow_id: str,
        workflow_type: str,
        task_queue: str,
        message: BaseModel,
        *,
        tenant: str,
        completed_steps: Sequence[str] = (),
        resumption: int = 0,
        traceparent: str | None = None,
    ) -> None:
        """Start it under its own id; a running or ended one is not changed."""
        if resumption and not await self._end_earlier_run(workflow_id, resumption):
            return
        memo: dict[str, Any] = {names.COMPLETED_STEPS: list(completed_steps)} if completed_steps else {}
        memo |= {names.RESUMPTION: resumption} if resumption else {}
        memo |= {names.TRACEPARENT: traceparent} if traceparent else {}
        again = WorkflowIDReusePolicy.ALLOW_DUPLICATE if resumption else WorkflowIDReusePolicy.REJECT_DUPLICATE
        with suppress(WorkflowAlreadyStartedError):
            async with answers_within(policies.ENGINE_START):
                await self._client.start_workflow(
                    workflow_type,
                    message,
                    id=workflow_id,
                    task_queue=task_queue,
                    id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                    id_reuse_policy=again,
                    task_timeout=policies.WORKFLOW_TASK_TIMEOUT,
                    memo=memo or None,
                    search_attributes=TypedSearchAttributes(
                        [SearchAttributePair(_TENANT, tenant), SearchAttributePair(_KIND, kind_of(workflow_id) or "")]
                    ),
                    rpc_timeout=policies.ENGINE_START,
                )

    async def _end_earlier_run(self, workflow_id: str, resumption: int) -> bool:
        """Terminate the earlier run; False when this resumption, or a later one, has begun already.

        Rejected: the conflict policy that terminates. A delayed starter would end the run of a later resumption.
        """
        latest = await self._describe(workflow_id)
        if latest is None:
            return True
        if await _resumption_of(latest) >= resumption:
            return False
        if latest.status is WorkflowExecutionStatus.RUNNING:
            handle = self._client.get_workflow_handle(workflow_id, run_id=latest.run_id)
            await self._send(handle.terminate("it has been resumed", rpc_timeout=policies.ENGINE_ANSWER))
        return True

    async def cancel(self, workflow_id: str, resumption: int = 0) -> bool:
        """Request cancellation; False when it is not running there. An old request must not end a later run."""
        latest = await self._describe(workflow_id)
        if latest is None or await _resumption_of(latest) != resumption:
            return False
        handle = self._client.get_workflow_handle(workflow_id, run_id=latest.run_id)
        return await self._send(handle.cancel(rpc_timeout=policies.ENGINE_ANSWER))

    async def decide(self, workflow_id: str, decided: Decided) -> bool:
        """Send the signal; False when it is not running there."""
        return await self._signal(workflow_id, names.DECIDE, decided)

    async def approve_unanswered(self, workflow_id: str, decision: ApprovalDecision) -> bool:
        """Send the signal; False when it is not running there."""
        return await self._signal(workflow_id, names.APPROVE_SIGNAL, decision)

    async def _signal(self, workflow_id: str, name: str, message: BaseModel) -> bool:
        handle = self._client.get_workflow_handle(workflow_id)
        return await self._send(handle.signal(name, message, rpc_timeout=policies.ENGINE_ANSWER))

    async def approve(self, workflow_id: str, decision: ApprovalDecision) -> ApprovalDecision | None:
        """Send the update and wait shortly for its answer, which needs a worker."""
        handle = self._client.get_workflow_handle(workflow_id)
        try:
            # Two requests: the message is sent, and its answer is waited for.
            async with answers_within(2 * policies.ENGINE_UPDATE, except_for=_ENDED):
                recorded: ApprovalDecision = await handle.execute_update(
                    names.APPROVE,
                    decision,
                    id=decision.decision_id,
                    result_type=ApprovalDecision,
                    rpc_timeout=policies.ENGINE_UPDATE,
                )
        except WorkflowUpdateFailedError as refused:
            raise _refusal(refused.cause) from None
        except WorkflowUpdateRPCTimeoutOrCancelledError:
            return None
        except RPCError:
            raise InvalidState("the workflow is not running any more") from None
        return recorded

    @staticmethod
    async def _send(request: Coroutine[Any, Any, None]) -> bool:
        try:
            async with answers_within(policies.ENGINE_ANSWER, except_for=_ENDED):
                await request
        except RPCError:
            return False
        return True

    async def describe(self, workflow_id: str) -> EngineView | None:
        """Read its state and pending activities; needs no worker."""
        description = await self._describe(workflow_id)
        return _view(description, await _resumption_of(description)) if description else None

    async def _pending(self, workflow_id: str) -> Sequence[PendingActivityInfo]:
        description = await self._describe(workflow_id)
        return description.raw_description.pending_activities if description else ()

    async def _describe(self, workflow_id: str) -> WorkflowExecutionDescription | None:
        try:
            async with answers_within(policies.ENGINE_ANSWER, except_for=_UNKNOWN):
                return await self._client.get_workflow_handle(workflow_id).describe(rpc_timeout=policies.ENGINE_ANSWER)
        except RPCError:
            return None

    async def retry_now(self, workflow_id: str) -> Sequence[str]:
        """Reschedule the next try of each waiting activity, by the retry policy alone: at once.

        Updating an option to its own value does that in one request. Pausing and unpausing does it too, but a death between the
        two would leave the step paused permanently; a reset would restart the numbers of attempts.
        """
        waiting = [one for one in await self._pending(workflow_id) if _waits(one)]
        return [one.activity_type.name for one in waiting if await self._send(self._reschedule(workflow_id, one))]

    async def _reschedule(self, workflow_id: str, waiting: PendingActivityInfo) -> None:
        unchanged = ActivityOptions()
        unchanged.heartbeat_timeout.FromTimedelta(policies.HEARTBEAT_TIMEOUT)
        await self._client.workflow_service.update_activity_options(
            UpdateActivityOptionsRequest(
                namespace=self._client.namespace,
                execution=WorkflowExecution(workflow_id=workflow_id),
                id=waiting.activity_id,
                identity=self._client.identity,
                activity_options=unchanged,
                update_mask=FieldMask(paths=["heartbeat_timeout"]),
            ),
            timeout=policies.ENGINE_ANSWER,
        )

    async def history(self, workflow_id: str) -> AsyncIterator[dict[str, Any]]:
        """Its events as JSON objects, oldest first; none when the engine does not have it."""
        try:
            async with answers_within(policies.ENGINE_START, except_for=_UNKNOWN):
                history = await self._client.get_workflow_handle(workflow_id).fetch_history(
                    rpc_timeout=policies.ENGINE_START
                )
        except RPCError:
            return
        for event in json.loads(history.to_json())["events"]:
            yield event


def _refusal(cause: BaseException | None) -> InvalidState:
    """A workflow's refusal as our error: its type is the code."""
    if not isinstance(cause, ApplicationError):
        return InvalidState("the workflow took no decision")
    error = AlreadyDecided if cause.type == AlreadyDecided.code else InvalidState
    return error(cause.message)


def _waits(pending: PendingActivityInfo) -> bool:
    """Whether it waits for its next try."""
    return pending.HasField("next_attempt_schedule_time")


async def _resumption_of(description: WorkflowExecutionDescription) -> int:
    number: int = await description.memo_value(names.RESUMPTION, 0, type_hint=int)
    return number


def _view(description: WorkflowExecutionDescription, resumption: int) -> EngineView:
    status = description.status.name.lower() if description.status else "unknown"
    pending = []
    for one in description.raw_description.pending_activities:
        started = one.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
        pending.append(
            PendingStep(
                step=one.activity_type.name,
                worker=(one.last_worker_identity or None) if started else None,
                next_try_at=one.next_attempt_schedule_time.ToDatetime(tzinfo=UTC) if _waits(one) else None,
            )
        )
    return EngineView(status, tuple(pending), resumption)
