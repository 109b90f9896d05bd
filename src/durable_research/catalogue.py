"""What can be started: each pipeline's name, workflow, queue, request and start message. Web, API, CLI and worker read it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from durable_research import queues
from durable_research.domain.errors import UnknownPipeline
from durable_research.domain.requests.notice import OCCASIONS
from durable_research.domain.requests.post import PostRequest
from durable_research.domain.requests.processing import ProcessingRequest
from durable_research.domain.requests.report import ReportRequest
from durable_research.domain.requests.writing import WritingRequest
from durable_research.domain.workflows.approval import ApprovalWaits
from durable_research.domain.workflows.workflow import Kind
from durable_research.pipelines.accept_scheduled.workflow import AcceptScheduledReportWorkflow
from durable_research.pipelines.ai_processing.messages import AIProcessing
from durable_research.pipelines.ai_processing.workflow import AIProcessingWorkflow
from durable_research.pipelines.blog_post.messages import BlogPost
from durable_research.pipelines.blog_post.workflow import BlogPostWorkflow
from durable_research.pipelines.generate_report.messages import GenerateReport
from durable_research.pipelines.generate_report.workflow import GenerateReportWorkflow
from durable_research.pipelines.reconcile.workflow import ReconcileWorkflow
from durable_research.ports.database.workflows import WorkflowRow

# So much of a name that does not exist is repeated.
_LONGEST_ECHO = 64


@dataclass(frozen=True)
class Receivers:
    """Who can be told here: `default` without a word in the request, `on_request` when it names them.

    `approval_waits` is how long a person who is to approve something is waited for.
    """

    default: tuple[str, ...]
    on_request: tuple[str, ...] = ()
    approval_waits: ApprovalWaits = field(default_factory=ApprovalWaits)


@dataclass(frozen=True)
class Carried:
    """A workflow that workers carry; those that are no `Pipeline` are started by no person."""

    workflow: type[Any]
    task_queue: str

    @property
    def workflow_type(self) -> str:
        """The name that histories record: every workflow is defined by its class's."""
        return self.workflow.__name__

    @property
    def package(self) -> str:
        """The folder of the pipeline, as a dotted name."""
        return self.workflow.__module__.rpartition(".")[0]


@dataclass(frozen=True, kw_only=True)
class Pipeline(Carried):
    """One line of the catalogue. `path` is its name in the API and in commands, `page` the folder of its pages.

    `noun`, `button` and `description` are what people read; `steps`, with their words for
    people, are in the order of the story, `undos` in the order in which they run when it fails. `resumed_message` makes the
    start message one that goes on as an event of resuming says; None where what failed is undone, and so cannot be resumed.
    What can be resumed is undone when it is cancelled.
    """

    path: str
    kind: Kind
    noun: str
    button: str
    description: str
    page: str
    steps: Mapping[str, str]
    undos: Mapping[str, str]
    request: type[WritingRequest]
    start_message: Callable[[WorkflowRow, Receivers], BaseModel]
    resumed_message: Callable[[BaseModel, Mapping[str, Any]], BaseModel] | None = None

    @property
    def can_resume(self) -> bool:
        """Whether what failed keeps what was paid for, and can be gone on with."""
        return self.resumed_message is not None


def _start_report(row: WorkflowRow, receivers: Receivers) -> GenerateReport:
    request = ReportRequest.model_validate(row.input)
    return GenerateReport(
        report_id=row.workflow_id,
        tenant=row.tenant,
        channels=receivers.default if request.notify is None else request.notify,
        start_after=request.start_after,
        approval=request.approval or "none",
        approval_waits=receivers.approval_waits,
        notify_on=OCCASIONS if request.notify_on is None else request.notify_on,
    )


def _resume_report(message: BaseModel, resumed: Mapping[str, Any]) -> BaseModel:
    going_on = {"corrected": resumed.get("texts", {}).get("corrected"), "generation": resumed.get("generation", 0)}
    return GenerateReport.model_validate(message.model_dump() | going_on)


def _start_processing(row: WorkflowRow, receivers: Receivers) -> AIProcessing:
    return AIProcessing(workflow_id=row.workflow_id, tenant=row.tenant)


def _start_post(row: WorkflowRow, receivers: Receivers) -> BlogPost:
    wanted = PostRequest.model_validate(row.input).slack
    tells_slack = "slack" in (*receivers.default, *receivers.on_request) if wanted is None else wanted
    return BlogPost(post_id=row.workflow_id, tenant=row.tenant, tells_slack=tells_slack)


GENERATE_REPORT = Pipeline(
    path="generate-report",
    kind=Kind.REPORT,
    noun="report",
    button="Start the report",
    description="a typeset research report, as PDF",
    page="reports",
    workflow=GenerateReportWorkflow,
    task_queue=queues.RESEARCH,
    steps={
        "llm_call": "Ask the model",
        "create_pdf": "Typeset the PDF",
        "store_report_metadata": "Enter it in the library",
        "send_notification": "Send the notification",
    },
    undos={"discard_report": "Undo: remove what was made"},
    request=ReportRequest,
    start_message=_start_report,
    resumed_message=_resume_report,
)
AI_PROCESSING = Pipeline(
    path="ai-processing",
    kind=Kind.PROCESSING,
    noun="checked text",
    button="Write a checked text",
    description="a text that is checked by rules, with a summary",
    page="texts",
    workflow=AIProcessingWorkflow,
    task_queue=queues.AI_TASKS,
    steps={
        "generate_text": "Write the text",
        "validate_output": "Check it by the rules",
        "summarize_text": "Summarise it",
    },
    undos={"compensate_generate": "Undo: remove the text"},
    request=ProcessingRequest,
    start_message=_start_processing,
)
BLOG_POST = Pipeline(
    path="blog-post",
    kind=Kind.POST,
    noun="blog post",
    button="Write a blog post",
    description="a blog post that is kept, with related texts, and told on Slack",
    page="posts",
    workflow=BlogPostWorkflow,
    task_queue=queues.RESEARCH,
    steps={
        "generate_content": "Write the post",
        "store_post": "Store the post",
        "create_embedding": "Make it findable",
        "post_to_slack": "Tell Slack",
    },
    undos={
        "delete_message": "Undo: take the message back",
        "delete_embedding": "Undo: remove the embedding",
        "delete_post": "Undo: remove the post",
    },
    request=PostRequest,
    start_message=_start_post,
)


def page_of(workflow_id: str, kind: Kind) -> str:
    """The path of a workflow's page."""
    return f"/{BY_KIND[kind].page}/{workflow_id}"


PIPELINES = {pipeline.path: pipeline for pipeline in (GENERATE_REPORT, BLOG_POST, AI_PROCESSING)}
BY_KIND = {pipeline.kind: pipeline for pipeline in PIPELINES.values()}
# What can be gone on with after it has failed.
RESUMABLE_KINDS = frozenset(one.kind for one in PIPELINES.values() if one.can_resume)
STEP_LABELS = {
    name: label for one in PIPELINES.values() for labels in (one.steps, one.undos) for name, label in labels.items()
}


def pipeline_at(path: str) -> Pipeline:
    """The pipeline of that name in the API and in commands.

    Raises:
        UnknownPipeline: there is none; the words name those that there are.
    """
    if path in PIPELINES:
        return PIPELINES[path]
    raise UnknownPipeline(f"there is no pipeline {path[:_LONGEST_ECHO]!r}; there are {', '.join(PIPELINES)}")


def step_label(name: str) -> str:
    """A step's name for people; one that has none yet is readable as it is."""
    return STEP_LABELS.get(name, name.replace("_", " ").capitalize())


# These are no pipelines that people start, but workers carry them and their packages are known to the sandbox.
RECONCILE = Carried(ReconcileWorkflow, queues.RESEARCH)
ACCEPT_SCHEDULED = Carried(AcceptScheduledReportWorkflow, queues.RESEARCH)
_CARRIED: tuple[Carried, ...] = (*PIPELINES.values(), RECONCILE, ACCEPT_SCHEDULED)
WORKFLOWS = tuple(one.workflow for one in _CARRIED)
PACKAGES = tuple(one.package for one in _CARRIED)


def workflows_on(queue: str) -> tuple[type[Any], ...]:
    """The workflow classes whose tasks come by this queue."""
    return tuple(one.workflow for one in _CARRIED if one.task_queue == queue)
