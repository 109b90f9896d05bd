"""What describes a pipeline: its names, its words for people, and its table of steps, each with what undoes it.

Pure values, which workflow code may read: a descriptor names its workflow by the recorded name and loads no class.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel

from durable_research.domain.requests.writing import WritingRequest
from durable_research.domain.workflows.approval import ApprovalWaits
from durable_research.domain.workflows.events import Closed, ResumedWith
from durable_research.domain.workflows.workflow import Kind
from durable_research.policies import StepPolicy
from durable_research.ports.database.workflows import WorkflowRow


@dataclass(frozen=True)
class Receivers:
    """Who can be told here: `default` without a word in the request, `on_request` when it names them.

    `approval_waits` is how long a person who is to approve something is waited for.
    """

    default: tuple[str, ...]
    on_request: tuple[str, ...] = ()
    approval_waits: ApprovalWaits = field(default_factory=ApprovalWaits)


@dataclass(frozen=True)
class Undo:
    """An activity that compensates a step, and its label for people. Several steps may have the same one."""

    policy: StepPolicy
    label: str


@dataclass(frozen=True)
class Step:
    """One row of a pipeline's table: an activity, its label for people, and the undo that is registered before it."""

    policy: StepPolicy
    label: str
    undo: Undo | None = None


@dataclass(frozen=True, kw_only=True)
class Descriptor:
    """A workflow that workers run. `workflow_type` is its recorded name and its class's, `package` its folder, dotted.

    `unlogged` are the activities of its own that people do not follow, and so need no label.
    """

    workflow_type: str
    package: str
    task_queue: str
    unlogged: tuple[StepPolicy, ...] = ()

    @property
    def policies(self) -> tuple[StepPolicy, ...]:
        """The policy of each activity of its own, once."""
        return self.unlogged


@dataclass(frozen=True, kw_only=True)
class Pipeline(Descriptor):
    """A workflow that people start. `path` is its name in the API and in commands, `page` the folder of its pages.

    `noun`, `button` and `description` are what people read; `table` holds its steps in their order. `resumed_message` makes
    the start message one that continues as an event of resuming says; None where what failed is undone, and so cannot be
    resumed. What can be resumed is undone when it is cancelled.
    """

    path: str
    kind: Kind
    noun: str
    button: str
    description: str
    page: str
    table: tuple[Step, ...]
    request: type[WritingRequest]
    start_message: Callable[[WorkflowRow, Receivers], BaseModel]
    resumed_message: Callable[[BaseModel, ResumedWith], BaseModel] | None = None

    @property
    def steps(self) -> Mapping[str, str]:
        """The label of each step, in their order."""
        return {step.policy.step: step.label for step in self.table}

    @property
    def undos(self) -> Mapping[str, str]:
        """The label of each undo, in the order in which they run: the last registered first."""
        return {undo.policy.step: undo.label for undo in reversed(self._undos)}

    @property
    def policies(self) -> tuple[StepPolicy, ...]:
        """The policy of each activity of its own, once."""
        return (*(step.policy for step in self.table), *(undo.policy for undo in self._undos), *self.unlogged)

    @property
    def can_resume(self) -> bool:
        """Whether what failed keeps what was paid for, and can be resumed."""
        return self.resumed_message is not None

    @property
    def _undos(self) -> tuple[Undo, ...]:
        return tuple(dict.fromkeys(step.undo for step in self.table if step.undo))


@runtime_checkable
class StoresLate(Protocol):
    """Activities whose workflows can end before, or be ended after, the row is stored that finishes them.

    Reconciliation takes the activities of every pipeline that are so.
    """

    async def store_late(self, closing: Closed) -> bool:
        """Store what the closing event kept for it; False when it kept nothing."""
        ...

    async def finished_outside(self, row: WorkflowRow) -> Mapping[str, Any] | None:
        """The data of the closing event for a workflow that was ended outside this app; None when its row is not stored."""
        ...
