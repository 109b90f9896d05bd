"""The JSON bodies of the API's answers, as types: `answers` builds them and the OpenAPI document is written from them."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import WithJsonSchema
from typing_extensions import TypedDict

from durable_research.domain.schedules.schedule import ID_PATTERN as SCHEDULE_ID_PATTERN
from durable_research.domain.workflows.approval import Verdict
from durable_research.domain.workflows.workflow import Kind, Status
from durable_research.web.api.workflow_bodies import At, ReportId, Sha256, WorkflowId

ScheduleId = Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^{SCHEDULE_ID_PATTERN}$"})]


class AddressesBody(TypedDict):
    """Where to go on from a workflow: paths of this server."""

    status_url: str
    events_url: str
    result_url: str


class StartedBody(AddressesBody):
    """What was accepted; a report says its id also as `report_id`."""

    workflow_id: WorkflowId
    report_id: NotRequired[ReportId]
    status: Status
    page_url: str


class WorkflowBody(TypedDict):
    """A workflow as a list shows it."""

    workflow_id: WorkflowId
    kind: Kind
    status: Status
    title: str
    created_at: At
    updated_at: At
    cancel_requested: bool
    page_url: str
    status_url: str


class WorkflowsBody(TypedDict):
    """One page of workflows."""

    workflows: list[WorkflowBody]
    next_cursor: str | None


class DecidedBody(WorkflowBody):
    """A decision about a draft; `outcome` is null while no worker runs that could answer."""

    decision_id: str
    outcome: Verdict | None


class ResumedBody(WorkflowBody):
    """A workflow that goes on; `resumption` counts how often it has been resumed."""

    resumption: int


class RetriedBody(TypedDict):
    """The steps that are tried now."""

    workflow_id: WorkflowId
    steps: list[str]


class RelatedOneBody(TypedDict):
    """A finished report or post, and how near it is: 1 says the same."""

    workflow_id: WorkflowId
    kind: Kind
    title: str
    similarity: float
    page_url: str


class RelatedBody(TypedDict):
    """What is about similar things, nearest first."""

    related: list[RelatedOneBody]
    embeddings: Literal["on", "off"]


class ProviderBody(TypedDict):
    """Who wrote the text."""

    name: str
    kind: Literal["demo", "live"]


class UsageBody(TypedDict):
    """Tokens as the provider billed them, or our estimate where it did not tell."""

    input_tokens: int
    output_tokens: int
    is_estimate: bool


class ReportBody(TypedDict):
    """A finished report's facts."""

    report_id: ReportId
    title: str
    prompt: str
    user: str | None
    language: str | None
    asked_at: At
    provider: ProviderBody
    model: str
    usage: UsageBody
    pages: int
    size_bytes: int
    sha256: Sha256
    pdf_url: str
    markdown_url: str
    html_url: str


class ReportsBody(TypedDict):
    """One page of the library."""

    reports: list[ReportBody]
    next_cursor: str | None


class ScheduleBody(TypedDict):
    """A schedule; one that `failed` was paused because a firing failed for good."""

    schedule_id: ScheduleId
    title: str
    every: str
    timezone: str
    created_at: At
    paused: bool
    failed: bool
    next_at: At | None
    last_at: At | None


class SchedulesBody(TypedDict):
    """All schedules, newest first."""

    schedules: list[ScheduleBody]


class AliveBody(TypedDict):
    """The process lives, or work can be accepted."""

    status: Literal["ok"]


class HealthBody(TypedDict):
    """Each dependency with `ok` or the reason why not."""

    status: Literal["ok", "degraded"]
    dependencies: dict[str, str]


class DocumentBody(TypedDict):
    """An OpenAPI document."""

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]
    components: dict[str, Any]
