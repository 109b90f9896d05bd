"""The descriptor of a report: its names, its steps with their policies and undo, its start message."""

from dataclasses import replace

from pydantic import BaseModel

from durable_research import queues
from durable_research.descriptor import Pipeline, Receivers, Step, Undo
from durable_research.domain.requests import notice
from durable_research.domain.requests.report import ReportRequest
from durable_research.domain.workflows.events import ResumedWith
from durable_research.domain.workflows.workflow import Kind
from durable_research.pipelines.generate_report.messages import GenerateReport
from durable_research.policies import UNDO_TRIES, StepPolicy, model_step
from durable_research.ports.database.workflows import WorkflowRow

# When the provider stays away, the report fails; the ledger keeps the call's id.
LLM_CALL = model_step("llm_call", asks_at_end_of_wait=False)

# A warm render takes well under a second; after thirty the renderer hangs. If the same tree fails twice, the tree is the cause.
CREATE_PDF = StepPolicy("create_pdf", queues.DOCUMENTS, try_seconds=30, failures_allowed=2)

# One upsert. It is not fatal: reconciliation stores it later, so two quick tries are enough.
STORE_REPORT_METADATA = StepPolicy(
    "store_report_metadata", queues.RESEARCH, try_seconds=10, failures_allowed=2, first_wait=0.5, commits=True
)

# Receivers restart and rate-limit; five tries over some seconds, and a failure never fails the report.
SEND_NOTIFICATION = StepPolicy(
    "send_notification", queues.NOTIFICATIONS, try_seconds=15, failures_allowed=5, effect=True
)

# The same receivers. It runs beside the steps and leaves no attempts in the log: the page that it links to always shows that
# a draft waits. So every try counts, also one whose worker died or whose database was away (retried every second); while the
# receivers refuse, fifty tries last for most of an hour. The decision ends them.
SEND_APPROVAL_NOTICE = replace(SEND_NOTIFICATION, step="send_approval_notice", failures_allowed=50, logged=False)

# The same for the other notices: that a report failed, or waits for a decision.
SEND_NOTICE = replace(SEND_APPROVAL_NOTICE, step=notice.SEND_NOTICE)

# Like every undo.
DISCARD_REPORT = StepPolicy("discard_report", queues.RESEARCH, try_seconds=60, failures_allowed=UNDO_TRIES, undoes=True)

_DISCARD = Undo(DISCARD_REPORT, "Undo: remove what was made")


def _start(row: WorkflowRow, receivers: Receivers) -> GenerateReport:
    request = ReportRequest.model_validate(row.input)
    return GenerateReport(
        report_id=row.workflow_id,
        tenant=row.tenant,
        channels=receivers.default if request.notify is None else request.notify,
        start_after=request.start_after,
        approval=request.approval or "none",
        approval_waits=receivers.approval_waits,
        notify_on=notice.OCCASIONS if request.notify_on is None else request.notify_on,
    )


def _resume(message: BaseModel, resumed: ResumedWith) -> BaseModel:
    changed = {"corrected": resumed.corrected, "generation": resumed.generation}
    return GenerateReport.model_validate(message.model_dump() | changed)


PIPELINE = Pipeline(
    path="generate-report",
    kind=Kind.REPORT,
    noun="report",
    button="Start the report",
    description="a typeset research report, as PDF",
    page="reports",
    workflow_type="GenerateReportWorkflow",
    package=__package__,
    task_queue=queues.RESEARCH,
    table=(
        Step(LLM_CALL, "Ask the model", undo=_DISCARD),
        Step(CREATE_PDF, "Typeset the PDF", undo=_DISCARD),
        Step(STORE_REPORT_METADATA, "Enter it in the library", undo=_DISCARD),
        Step(SEND_NOTIFICATION, "Send the notification"),
    ),
    unlogged=(SEND_APPROVAL_NOTICE, SEND_NOTICE),
    request=ReportRequest,
    start_message=_start,
    resumed_message=_resume,
)
