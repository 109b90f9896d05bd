"""What can be started: each pipeline's name, workflow, queue, request and start message. Web, API, CLI and worker read it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from durable_research.domain.approval import ApprovalWaits
from durable_research.domain.post import PostRequest
from durable_research.domain.processing import ProcessingRequest
from durable_research.domain.report import ReportRequest
from durable_research.domain.request import WritingRequest
from durable_research.domain.workflow import Kind
from durable_research.pipelines.ai_processing.messages import AIProcessing
from durable_research.pipelines.ai_processing.workflow import AIProcessingWorkflow
from durable_research.pipelines.blog_post.messages import BlogPost
from durable_research.pipelines.blog_post.workflow import BlogPostWorkflow
from durable_research.pipelines.generate_report.messages import GenerateReport
from durable_research.pipelines.generate_report.workflow import GenerateReportWorkflow
from durable_research.pipelines.reconcile.workflow import ReconcileWorkflow
from durable_research.ports.workflows import WorkflowRow
from durable_research.temporal import names


@dataclass(frozen=True)
class Receivers:
    """Who can be told here: `default` without a word in the request, `on_request` when it names them.

    `approval_waits` is how long a person who is to approve something is waited for.
    """

    default: tuple[str, ...]
    on_request: tuple[str, ...] = ()
    approval_waits: ApprovalWaits = field(default_factory=ApprovalWaits)


@dataclass(frozen=True)
class Pipeline:
    """One line of the catalogue. `path` is its name in the API and in commands, `page` the folder of its pages.

    `noun` and `description` are what people read; `steps` are in the order of the story,
    `undos` in the order in which they run when it fails.
    """

    path: str
    kind: Kind
    noun: str
    description: str
    page: str
    package: str
    workflow: type[Any]
    workflow_type: str
    task_queue: str
    steps: tuple[str, ...]
    undos: tuple[str, ...]
    request: type[WritingRequest]
    start_message: Callable[[WorkflowRow, Receivers], BaseModel]


def _start_report(row: WorkflowRow, receivers: Receivers) -> GenerateReport:
    request = ReportRequest.model_validate(row.input)
    return GenerateReport(
        report_id=row.workflow_id,
        tenant=row.tenant,
        channels=receivers.default if request.notify is None else request.notify,
        start_after=request.start_after,
        approval=request.approval or "none",
        approval_waits=receivers.approval_waits,
    )


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
    description="a typeset research report, as PDF",
    page="reports",
    package="durable_research.pipelines.generate_report",
    workflow=GenerateReportWorkflow,
    workflow_type="GenerateReportWorkflow",
    task_queue=names.RESEARCH,
    steps=("llm_call", "create_pdf", "store_report_metadata", "send_notification"),
    undos=(),
    request=ReportRequest,
    start_message=_start_report,
)
AI_PROCESSING = Pipeline(
    path="ai-processing",
    kind=Kind.PROCESSING,
    noun="checked text",
    description="a text that is checked by rules, with a summary",
    page="texts",
    package="durable_research.pipelines.ai_processing",
    workflow=AIProcessingWorkflow,
    workflow_type="AIProcessingWorkflow",
    task_queue=names.AI_TASKS,
    steps=("generate_text", "validate_output", "summarize_text"),
    undos=("compensate_generate",),
    request=ProcessingRequest,
    start_message=_start_processing,
)
BLOG_POST = Pipeline(
    path="blog-post",
    kind=Kind.POST,
    noun="blog post",
    description="a blog post that is kept, with related texts, and told on Slack",
    page="posts",
    package="durable_research.pipelines.blog_post",
    workflow=BlogPostWorkflow,
    workflow_type="BlogPostWorkflow",
    task_queue=names.RESEARCH,
    steps=("generate_content", "store_post", "create_embedding", "post_to_slack"),
    undos=("delete_message", "delete_embedding", "delete_post"),
    request=PostRequest,
    start_message=_start_post,
)


def page_of(workflow_id: str, kind: Kind) -> str:
    """The path of a workflow's page."""
    return f"/{BY_KIND[kind].page}/{workflow_id}"


PIPELINES = {pipeline.path: pipeline for pipeline in (GENERATE_REPORT, BLOG_POST, AI_PROCESSING)}
BY_KIND = {pipeline.kind: pipeline for pipeline in PIPELINES.values()}

# The backstop is no pipeline that people start, but workers carry it and its package is known to the sandbox.
WORKFLOWS = (*(pipeline.workflow for pipeline in PIPELINES.values()), ReconcileWorkflow)
PACKAGES = (*(pipeline.package for pipeline in PIPELINES.values()), "durable_research.pipelines.reconcile")


def workflows_on(queue: str) -> tuple[type[Any], ...]:
    """The workflow classes whose tasks come by this queue."""
    backstop = (ReconcileWorkflow,) if queue == names.RESEARCH else ()
    return (*(pipeline.workflow for pipeline in PIPELINES.values() if pipeline.task_queue == queue), *backstop)
