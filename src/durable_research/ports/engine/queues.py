"""The engine's task queues as an operator sees them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class TaskType(StrEnum):
    """What a task asks a worker for."""

    WORKFLOW = "workflow"
    ACTIVITY = "activity"


@dataclass(frozen=True)
class QueueState:
    """One type of tasks on one queue: how many wait (about), the oldest for how long, and how many pollers there are."""

    queue: str
    task_type: TaskType
    backlog: int
    oldest_seconds: float
    pollers: int


class QueueReader(Protocol):
    """Describes every queue of ours."""

    async def read(self) -> Sequence[QueueState]:
        """Describe them now, each for each type of tasks.

        Raises:
            InfrastructureDown: the engine does not answer.
        """
        ...
