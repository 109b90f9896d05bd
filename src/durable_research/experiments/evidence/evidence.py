"""Evidence about an installation, collected from outside after the faults: plain values, which `invariants.py` checks.

None of it is our own code's report about itself, except the reports under test: the charges that the API reports, and the
rows that must agree with the provider's log, the object folder and Temporal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from durable_research.domain.workflows.workflow import Status
from durable_research.experiments.evidence.quirks import Expected

# The role that plays the provider.
PROVIDER = "simulator"
WITH_RESULT = frozenset({Status.DONE, Status.PARTLY_DONE})


@dataclass(frozen=True)
class ReportedCharges:
    """The charges that the API reports for a report."""

    settled: int
    possible_extra: int


@dataclass(frozen=True)
class Closing:
    """One end in the progress log: of which resumption (0 is the first run), with which status and error."""

    resumption: int = 0
    status: str = "done"
    error: str | None = None


@dataclass(frozen=True)
class Document:
    """An object that a report's row names, as it is in the store."""

    key: str
    is_intact: bool  # it exists, and its bytes have the row's hash
    is_readable: bool  # a PDF that begins and ends as one, or a text that contains the report's own word


@dataclass(frozen=True)
class ReportEvidence:
    """One accepted report. `word` is in its prompt and nowhere else; counts are lines of the provider's log."""

    report_id: str
    word: str
    status: str | None = "done"  # None: no row
    error: str | None = None  # the code of a report that failed, and was not resumed after that
    engine_started: bool = True
    engine_status: str | None = "completed"  # None: Temporal has no such workflow
    model_calls: int = 1
    reported: ReportedCharges | None = ReportedCharges(1, 0)
    notifications: int = 1
    known_notifications: int = 1  # accepted, certainly or possibly, according to the ledger
    failure_notices: int = 0  # messages that the report failed
    documents: tuple[Document, ...] | None = None  # None: no row of a finished report
    open_sends: int = 0
    open_attempts: int = 0
    event_numbers: tuple[int, ...] = ()
    streamed_numbers: tuple[int, ...] | None = None  # as a reader of the live stream received them; None: no reader
    closings: tuple[Closing, ...] = (Closing(),)
    resumptions: int = 0  # from its row
    counted_failures: int = 0  # since its first resumption, if any
    counted_messages: int = 0  # the same, of notifications
    quirk: Expected | None = None  # the provider's quirk for this report

    @property
    def ended_as_expected(self) -> bool:
        """Whether it ended as its quirk expects; done where there was none."""
        return self.quirk.allows_end(self.status, self.error) if self.quirk else self.status == "done"

    seconds: float | None = None  # from the first try to submit it to its end, as the client saw it


@dataclass(frozen=True)
class FiredFault:
    """One planned fault; it counts if it happened while work was in flight."""

    role: str
    act: str
    in_flight: int
    happened: bool

    @property
    def counts(self) -> bool:
        """Whether the fault proves anything."""
        return self.happened and self.in_flight > 0


@dataclass(frozen=True)
class Evidence:
    """All evidence. `requested` is how many reports were to be submitted, `planned` how many faults of each (role, act)."""

    reports: tuple[ReportEvidence, ...]
    requested: int
    provider_class: str = "L"
    noun: str = "report"  # the word for each of them on the report page
    planned: Mapping[tuple[str, str], int] = field(default_factory=dict)
    fired: tuple[FiredFault, ...] = ()
    unknown_rows: tuple[str, ...] = ()  # workflows in our tables whose id no client received
    unexplained_calls: tuple[str, ...] = ()  # the provider billed them and no report explains them
    orphans: tuple[str, ...] = ()  # objects that no row and no ledger entry names
    answers: Mapping[str, int] = field(default_factory=dict)  # the API's answers, and how often each
    undocumented: tuple[str, ...] = ()  # answers that the API does not document
    replayed: int = 0
    not_replayable: tuple[str, ...] = ()
    searched: int = 0  # logs and histories that were searched for secrets
    leaks: tuple[str, ...] = ()

    @property
    def provider_was_hit(self) -> bool:
        """Whether a fault was planned that kills, pauses or cuts off the provider itself."""
        return any(role == PROVIDER for role, _ in self.planned)
