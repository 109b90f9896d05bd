"""Prepares a Temporal namespace: retention, search attributes, the reconcile schedule. Safe to repeat at any time."""

from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, UpdateNamespaceRequest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from durable_research import policies, queues
from durable_research.temporal import names

# Histories are needed after an incident; the dev server would delete them after a day.
RETENTION = timedelta(days=30)
_EVERY = timedelta(minutes=1)
# A pass that was missed is of no use later: the next one does the same.
_CATCH_UP = timedelta(seconds=60)


async def prepare(client: Client) -> list[str]:
    """Add what is missing and return a description of the changes.

    Raises:
        RPCError: the server refuses or is unreachable.
    """
    done = []
    if await _extend_retention(client):
        done.append(f"retention set to {RETENTION.days} days")
    if await _add_search_attributes(client):
        done.append("search attributes added")
    await _schedule_reconcile(client)
    done.append(f"schedule {names.RECONCILE_SCHEDULE} is in place")
    return done


async def _extend_retention(client: Client) -> bool:
    service = client.workflow_service
    now = await service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    if now.config.workflow_execution_retention_ttl.ToTimedelta() >= RETENTION:
        return False
    wanted = Duration()
    wanted.FromTimedelta(RETENTION)
    config = NamespaceConfig(workflow_execution_retention_ttl=wanted)
    await service.update_namespace(UpdateNamespaceRequest(namespace=client.namespace, config=config))
    return True


async def _add_search_attributes(client: Client) -> bool:
    keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    wanted = dict.fromkeys(names.SEARCH_ATTRIBUTES, keyword)
    request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=wanted)
    try:
        await client.operator_service.add_search_attributes(request)
    except RPCError as error:
        if error.status is RPCStatusCode.ALREADY_EXISTS:
            return False
        raise
    return True


async def _schedule_reconcile(client: Client) -> None:
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            "ReconcileWorkflow",
            id=names.RECONCILE_WORKFLOW,
            task_queue=queues.RESEARCH,
            task_timeout=policies.WORKFLOW_TASK_TIMEOUT,
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=_EVERY)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=_CATCH_UP),
    )

    async def replace(_: ScheduleUpdateInput) -> ScheduleUpdate:
        return ScheduleUpdate(schedule)

    try:
        await client.create_schedule(names.RECONCILE_SCHEDULE, schedule)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(names.RECONCILE_SCHEDULE).update(replace)
