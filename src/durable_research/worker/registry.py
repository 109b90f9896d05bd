"""Which workflow classes a worker runs: those of the catalogue's descriptors, loaded by their recorded names."""

from typing import Any

from durable_research.catalogue import DESCRIPTORS
from durable_research.temporal.worker.loading import workflow_class

WORKFLOWS = tuple(workflow_class(one.package, one.workflow_type) for one in DESCRIPTORS)


def workflows_on(queue: str) -> tuple[type[Any], ...]:
    """The workflow classes whose tasks arrive on this queue."""
    return tuple(workflow for one, workflow in zip(DESCRIPTORS, WORKFLOWS, strict=True) if one.task_queue == queue)
