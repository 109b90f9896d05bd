"""The JSON bodies about one workflow, as types: its status, its result, its events."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import WithJsonSchema
from typing_extensions import TypedDict

from durable_research.domain.shapes import FailureBody
from durable_research.domain.workflows.approval import Verdict
from durable_research.domain.workflows.events import EventKind
from durable_research.domain.workflows.progress import StepState
from durable_research.domain.workflows.workflow import ID_PATTERN, REPORT_ID_PATTERN, Decision, Kind, Status
from durable_research.operations.reading.recoverable import Price
from durable_research.web.http.problems import RemedyBody

# RFC 3339 with its offset.
At = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
WorkflowId = Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^{ID_PATTERN}$"})]
ReportId = Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^{REPORT_ID_PATTERN}$"})]
Sha256 = Annotated[str, WithJsonSchema({"type": "string", "pattern": "^[0-9a-f]{64}$"})]


class StepBody(TypedDict):
    """A step where it stands."""

    name: str
    state: StepState
    attempt: int
    worker: str | None
    started_at: At | None
    ended_at: At | None
    next_try_at: At | None
    last_error: FailureBody | None
    left_out: str | None


class ChargesBody(TypedDict):
    """Calls that are known to be charged, and those that may have been charged besides."""

    settled: int
    possible_extra: int


class LiveWorkersBody(TypedDict):
    """The workers that are alive."""

    live: int
    identities: list[str]


class AsksBody(TypedDict):
    """What a person is asked; the last four are told when a draft waits for approval."""

    step: str
    attempt: int
    decisions: list[Decision | Verdict]
    remaining_undos: list[str]
    remedy: RemedyBody | None
    draft_sha256: NotRequired[Sha256]
    draft_url: NotRequired[str]
    draft_pdf_url: NotRequired[str | None]
    expires_at: NotRequired[At]


class WaitsForBody(TypedDict):
    """What an unfinished workflow waits for, in words; the rest is told of a step that waits for its provider."""

    what: str
    since: At | None
    until: At | None
    looks: int
    last_error: FailureBody | None


class ErrorBody(FailureBody):
    """Why a workflow ended without its result, and what mends it."""

    remedy: RemedyBody | None


class StatusBody(TypedDict):
    """Where a workflow stands."""

    workflow_id: WorkflowId
    kind: Kind
    page_url: str
    status: Status
    title: str
    created_at: At
    updated_at: At
    steps: list[StepBody]
    charges: ChargesBody
    embedding_charges: ChargesBody
    workers: LiveWorkersBody
    engine: Literal["reachable", "unreachable"]
    cancel_requested: bool
    asks: AsksBody | None
    waits_for: WaitsForBody | None
    error: ErrorBody | None
    resumption: int
    last_seq: int
    temporal_ui_url: str | None


class OfferBody(TypedDict):
    """That a workflow can be resumed, what that may cost, and whether its text can be corrected."""

    may_charge_again: bool
    price: Price
    words: str
    has_text: bool


class WholeStatusBody(StatusBody):
    """The same, with what can be made of a workflow that failed."""

    resume: OfferBody | None
    text_url: str | None


class ReportResultBody(TypedDict):
    """What a finished report came to; whom it was told, unless telling failed."""

    workflow_id: WorkflowId
    report_id: ReportId
    title: str
    status: Literal[Status.DONE, Status.PARTLY_DONE]
    pages: int
    notified: NotRequired[list[str]]
    not_notified: NotRequired[list[str]]
    notification_error: NotRequired[FailureBody]


class TextsResultBody(TypedDict):
    """What another finished workflow came to: the addresses of its texts by their names, and its id by its kind."""

    workflow_id: WorkflowId
    status: Literal[Status.DONE]
    texts: dict[str, str]


class HistoryBody(TypedDict):
    """The Event History as Temporal keeps it; what its events hold is Temporal's to say."""

    workflow_id: WorkflowId
    events: list[dict[str, Any]]


class EventBody(TypedDict):
    """One line of the progress log. The kind says which of the rest there is: docs/api.md, "Streams and statuses"."""

    seq: int
    at: At
    kind: EventKind
    step: NotRequired[str]
    attempt: NotRequired[int]
    title: NotRequired[str]
    begins_at: NotRequired[At]
    worker: NotRequired[str | None]
    undoes: NotRequired[bool]
    left_out: NotRequired[str]
    error: NotRequired[FailureBody]
    counted: NotRequired[bool]
    final: NotRequired[bool]
    asks_a_person: NotRequired[bool]
    retry_in_seconds: NotRequired[float]
    wait_left_seconds: NotRequired[float]
    settled: NotRequired[int]
    possible_extra: NotRequired[int]
    before: NotRequired[str]
    verdicts: NotRequired[list[Verdict]]
    draft_sha256: NotRequired[Sha256]
    remind_at: NotRequired[At]
    expires_at: NotRequired[At]
    decision: NotRequired[Verdict]
    decision_id: NotRequired[str]
    resumption: NotRequired[int]
    generation: NotRequired[int]
    accepted_charge: NotRequired[bool]
    skipped: NotRequired[dict[str, str]]
    status: NotRequired[Status]
    pages: NotRequired[int]
    notified: NotRequired[list[str]]
    not_notified: NotRequired[list[str]]
    notification_error: NotRequired[FailureBody]


class DraftBody(TypedDict):
    """The whole text of a step so far; it replaces the one before."""

    step: str
    attempt: int
    text: str
