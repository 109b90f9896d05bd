"""The QueueReader port on a Temporal client."""

import asyncio
from collections.abc import Sequence
from itertools import product

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from durable_research import policies
from durable_research.ports.engine.queues import QueueState, TaskType
from durable_research.queues import QUEUES
from durable_research.temporal.client.rpc import answers_within

_TYPES = {
    TaskType.WORKFLOW: TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    TaskType.ACTIVITY: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
}


class TemporalQueues:
    """Describes task queues; the server knows a poller for five minutes after its last poll."""

    def __init__(self, client: Client, queues: Sequence[str] = QUEUES) -> None:
        self._client = client
        self._queues = queues

    async def read(self) -> Sequence[QueueState]:
        """Describe all of them at once."""
        async with answers_within(policies.ENGINE_ANSWER):
            return await asyncio.gather(*(self._describe(*each) for each in product(self._queues, TaskType)))

    async def _describe(self, queue: str, task_type: TaskType) -> QueueState:
        found = await self._client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=self._client.namespace,
                task_queue=TaskQueue(name=queue),
                task_queue_type=_TYPES[task_type],
                report_stats=True,
            ),
            timeout=policies.ENGINE_ANSWER,
        )
        age = found.stats.approximate_backlog_age.ToTimedelta().total_seconds()
        return QueueState(queue, task_type, found.stats.approximate_backlog_count, age, len(found.pollers))
