"""Where a workflow stands, as a value: row and log as they were read, and what follows from them."""

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
    """Everything that is said of a workflow, read once: `row` and `events` belong together.

    `offer` is only looked up for what has failed or was terminated; `engine_url` is the engine's own page about it.
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
        """What mends the error."""
        return remedy_for(self.error["code"]) if self.error else None


@dataclass(frozen=True)
class WorkflowResult:
    """What a finished workflow came to; None is what its closing event does not say."""

    row: WorkflowRow
    texts: tuple[str, ...] = ()
    pages: int | None = None
    notified: tuple[str, ...] | None = None
    not_notified: tuple[str, ...] | None = None
    notification_error: FailureBody | None = None

    @property
    def title(self) -> str | None:
        """A report's title; what else there is has one for each text."""
        return self.row.title if self.row.kind is Kind.REPORT else None
