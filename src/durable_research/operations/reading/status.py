"""A workflow's status as a value: row and log as they were read, and the values derived from them."""

from collections.abc import Sequence
from dataclasses import dataclass

from durable_research.domain.ledger.effects import Charges
from durable_research.domain.shapes import FailureBody
from durable_research.domain.workflows.progress import ProgressEvent, StepView, closing_of
from durable_research.domain.workflows.remedies import Remedy, remedy_for
from durable_research.domain.workflows.workflow import Kind
from durable_research.operations.reading.pending_decisions import PendingDecision
from durable_research.operations.reading.recoverable import ResumeOffer
from durable_research.operations.reading.waiting import WaitsFor
from durable_research.ports.database.workflows import WorkflowRow


@dataclass(frozen=True)
class WorkflowStatus:
    """Everything that is shown of a workflow, read once: `row` and `events` belong together.

    `offer` is only set for a failed or terminated workflow; `engine_url` is the engine's own page about it.
    """

    row: WorkflowRow
    events: Sequence[ProgressEvent]
    steps: Sequence[StepView]
    charges: Charges
    embedding_charges: Charges
    live_workers: tuple[str, ...]
    is_engine_reachable: bool
    pending: PendingDecision | None
    waits_for: WaitsFor | None
    engine_url: str | None = None
    offer: ResumeOffer | None = None

    @property
    def last_seq(self) -> int:
        """The number of the newest event."""
        return self.events[-1].seq if self.events else 0

    @property
    def error(self) -> FailureBody | None:
        """Why it ended without its result."""
        return closing_of(self.events).error

    @property
    def remedy(self) -> Remedy | None:
        return remedy_for(self.error["code"]) if self.error else None


@dataclass(frozen=True)
class WorkflowResult:
    """The result of a finished workflow; a field is None when the closing event does not hold it."""

    row: WorkflowRow
    texts: tuple[str, ...] = ()
    pages: int | None = None
    notified: tuple[str, ...] | None = None
    not_notified: tuple[str, ...] | None = None
    notification_error: FailureBody | None = None

    @property
    def title(self) -> str | None:
        """A report's title; workflows of other kinds have one for each text."""
        return self.row.title if self.row.kind is Kind.REPORT else None
