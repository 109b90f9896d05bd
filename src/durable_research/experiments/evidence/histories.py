"""Evidence from Temporal: each workflow's status, whether its history replays with today's code, and which secrets it leaks."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Replayer

from durable_research.catalogue import DESCRIPTORS, PACKAGES
from durable_research.temporal.worker.loading import workflow_class
from durable_research.temporal.worker.plugin import house_rules

_CONCURRENCY = 16
# A history without workflow tasks would hang the replayer.
_REPLAY_SECONDS = 60.0
_NOTIFICATION_SECONDS, _POLL_SECONDS = 60.0, 0.5


async def statuses(client: Client, workflow_ids: Iterable[str]) -> dict[str, str | None]:
    """Temporal's status of each workflow; None where it has no such workflow."""
    semaphore = asyncio.Semaphore(_CONCURRENCY)

    async def one(workflow_id: str) -> tuple[str, str | None]:
        async with semaphore:
            try:
                described = await client.get_workflow_handle(workflow_id).describe()
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return workflow_id, None
                raise
        return workflow_id, (described.status or WorkflowExecutionStatus.RUNNING).name.lower()

    return dict(await asyncio.gather(*(one(workflow_id) for workflow_id in workflow_ids)))


async def final_statuses(client: Client, workflow_ids: Iterable[str]) -> dict[str, str | None]:
    """The same, once all have ended: a workflow sends its failure notifications after its end is in our log."""
    deadline = time.monotonic() + _NOTIFICATION_SECONDS
    while "running" in (found := await statuses(client, workflow_ids)).values() and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(_POLL_SECONDS)
    return found


async def fetch(client: Client, workflow_ids: Sequence[str]) -> list[WorkflowHistory]:
    """The Event Histories of some workflows."""
    return [await client.get_workflow_handle(workflow_id).fetch_history() for workflow_id in workflow_ids]


async def not_replayable(histories: Iterable[WorkflowHistory], converter: DataConverter) -> list[str]:
    """A sentence for each history that does not replay with today's code."""
    workflows = [workflow_class(one.package, one.workflow_type) for one in DESCRIPTORS]
    replayer = Replayer(workflows=workflows, plugins=[house_rules(PACKAGES, converter)])
    found = []
    for history in histories:
        try:
            async with asyncio.timeout(_REPLAY_SECONDS):
                await replayer.replay_workflow(history)
        except (
            Exception
        ) as error:  # the SDK raises every error of the workflow code; each is a finding, not a failure of this check
            found.append(f"{history.workflow_id}: {type(error).__name__}: {str(error)[:200]}")
    return found


def leaks(histories: Iterable[WorkflowHistory], secrets: Mapping[str, str]) -> list[str]:
    """Which history holds which secret, in the bytes that Temporal stores."""
    found = []
    for history in histories:
        content = b"".join(event.SerializeToString() for event in history.events)
        found += [
            f"the history of {history.workflow_id} holds {name}"
            for name, secret in secrets.items()
            if secret.encode() in content
        ]
    return found
