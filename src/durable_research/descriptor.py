"""The description of a pipeline: its names, its words for people, and its table of steps, each with its undo.

Pure values, which workflow code may read: a descriptor names its workflow by the recorded name and loads no class.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from pydantic import BaseModel

from durable_research.domain.requests.writing import WritingRequest
from durable_research.domain.workflows.approval import ApprovalWaits
from durable_research.domain.workflows.events import Closed, ResumedWith
from durable_research.domain.workflows.workflow import Kind
from durable_research.policies import StepPolicy
from durable_research.ports.database.workflows import WorkflowRow


@dataclass(frozen=True)
class Receivers:
    """The configured channels: `default` unless a request names others, `on_request` only when it names them.

    `approval_waits` is how long a workflow waits for a person's approval.
    """

    default: tuple[str, ...]
    on_request: tuple[str, ...] = ()
    approval_waits: ApprovalWaits = field(default_factory=ApprovalWaits)


@dataclass(frozen=True)
class Undo:
    """An activity that compensates a step, and its label for people. Several steps may share one undo."""

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
    """A workflow that workers run. `workflow_type` is its recorded name and its class name, `package` its folder, dotted.

    `unlogged` are its own activities that people do not follow, and so need no label.
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

    `noun`, `button` and `description` are texts for people; `table` holds its steps in their order. `resumed_message` changes
    the start message as an event of resuming requires; None when a failed workflow is compensated, and so cannot be resumed.
    A workflow that can be resumed is compensated only when it is cancelled.
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
        """Whether a failed workflow keeps the text that was paid for, and can be resumed."""
        return self.resumed_message is not None

    @property
    def _undos(self) -> tuple[Undo, ...]:
        return tuple(dict.fromkeys(step.undo for step in self.table if step.undo))


@runtime_checkable
class StoresLate(Protocol):
    """Activities whose workflows can end before their finishing row is stored, or be ended outside after it.

    Reconciliation uses the activities of every pipeline that implement this.
    """

    async def store_late(self, closing: Closed) -> bool:
        """Store the row that the closing event holds; False when it holds none."""
        ...

    async def finished_outside(self, row: WorkflowRow) -> Closed | None:
        """The closing event of a workflow that was ended outside this app; None when its row is not stored."""
        ...
