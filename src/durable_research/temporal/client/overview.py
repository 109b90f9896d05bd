"""The EngineOverview port on a Temporal client."""

from typing import Any

from temporalio.api.workflowservice.v1 import GetSystemInfoRequest
from temporalio.client import (
    Client,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionResult,
    ScheduleDescription,
    WorkflowExecutionStatus,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from durable_research import policies
from durable_research.domain.errors import InfrastructureDown
from durable_research.ports.engine.overview import ReconciliationRun
from durable_research.temporal import names
from durable_research.temporal.client.rpc import answers_within

_UNKNOWN = {RPCStatusCode.NOT_FOUND}
# Of the runs that the schedule remembers: the newest may still run, the one before it has ended or was skipped.
_LOOKED_AT = 3


class TemporalOverview:
    """Every answer or refusal comes within seconds."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def version(self) -> str:
        """Read the server's version."""
        async with answers_within(policies.ENGINE_ANSWER):
            found = await self._client.workflow_service.get_system_info(
                GetSystemInfoRequest(), timeout=policies.ENGINE_ANSWER
            )
        return found.server_version

    async def latest_reconciliation(self) -> ReconciliationRun | None:
        """Read it from the schedule, which remembers its latest runs."""
        running: ReconciliationRun | None = None
        async with answers_within(policies.ENGINE_ANSWER):
            schedule = await self._schedule()
            remembered = schedule.info.recent_actions if schedule else []
            for action in remembered[: -_LOOKED_AT - 1 : -1]:
                run = await self._run(action)
                if run and run.ended_at:
                    return run
                running = running or run
        return running

    async def _schedule(self) -> ScheduleDescription | None:
        handle = self._client.get_schedule_handle(names.RECONCILE_SCHEDULE)
        try:
            return await handle.describe(rpc_timeout=policies.ENGINE_ANSWER)
        except RPCError as error:
            if error.status in _UNKNOWN:
                return None
            raise

    async def _run(self, action: ScheduleActionResult) -> ReconciliationRun | None:
        """A run that the schedule started; None when the server has deleted it."""
        started = action.action
        if not isinstance(started, ScheduleActionExecutionStartWorkflow):
            return None
        handle = self._client.get_workflow_handle(
            started.workflow_id, run_id=started.first_execution_run_id, result_type=dict[str, Any]
        )
        try:
            found = await handle.describe(rpc_timeout=policies.ENGINE_ANSWER)
        except RPCError as error:
            if error.status in _UNKNOWN:
                return None
            raise
        status = found.status.name.lower() if found.status else "unknown"
        is_completed = found.status is WorkflowExecutionStatus.COMPLETED
        try:
            result = await handle.result(rpc_timeout=policies.ENGINE_ANSWER) if is_completed else {}
        except (ApplicationError, ValueError, TypeError) as cause:  # sealed with a key that this process does not have
            raise InfrastructureDown("its result cannot be read; see PAYLOAD_KEYS") from cause
        return ReconciliationRun(action.scheduled_at, status, found.close_time, result)
