"""What can be started: each pipeline's name, workflow, queue, request and start message. Web, API and worker read it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from durable_research.domain.report import ReportRequest
from durable_research.domain.workflow import Kind
from durable_research.pipelines.accept_scheduled.workflow import AcceptScheduledReportWorkflow
from durable_research.pipelines.generate_report.messages import GenerateReport
from durable_research.pipelines.generate_report.workflow import GenerateReportWorkflow
from durable_research.pipelines.reconcile.workflow import ReconcileWorkflow
from durable_research.ports.workflows import WorkflowRow
from durable_research.temporal import names


@dataclass(frozen=True)
class Pipeline:
    """One line of the catalogue. `path` is its name in URLs and commands; `steps` are in the order of the story."""

    path: str
    kind: Kind
    package: str
    workflow: type[Any]
    workflow_type: str
    task_queue: str
    steps: tuple[str, ...]
    request: type[ReportRequest]
    start_message: Callable[[WorkflowRow, tuple[str, ...]], BaseModel]


def _start_report(row: WorkflowRow, default_channels: tuple[str, ...]) -> GenerateReport:
    channels = ReportRequest.model_validate(row.input).notify
    return GenerateReport(
        report_id=row.workflow_id, tenant=row.tenant, channels=default_channels if channels is None else channels
    )


GENERATE_REPORT = Pipeline(
    path="generate-report",
    kind=Kind.REPORT,
    package="durable_research.pipelines.generate_report",
    workflow=GenerateReportWorkflow,
    workflow_type="GenerateReportWorkflow",
    task_queue=names.RESEARCH,
    steps=("llm_call", "create_pdf", "store_report_metadata", "send_notification"),
    request=ReportRequest,
    start_message=_start_report,
)

PIPELINES = {pipeline.path: pipeline for pipeline in (GENERATE_REPORT,)}
BY_KIND = {pipeline.kind: pipeline for pipeline in PIPELINES.values()}

# These are no pipelines that people start, but workers carry them and their packages are known to the sandbox.
WORKFLOWS = (
    *(pipeline.workflow for pipeline in PIPELINES.values()),
    ReconcileWorkflow,
    AcceptScheduledReportWorkflow,
)
PACKAGES = (
    *(pipeline.package for pipeline in PIPELINES.values()),
    "durable_research.pipelines.reconcile",
    "durable_research.pipelines.accept_scheduled",
)
