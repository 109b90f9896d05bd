"""The messages of a report: ids, small references, and the channels to notify; no question, no answer.

They hold a title and addresses of users, so payloads are encrypted wherever keys are set. New fields need defaults.
"""

from datetime import datetime

from durable_research.domain.documents.text import WrittenText
from durable_research.domain.requests.notice import Notice, Occasion
from durable_research.domain.requests.report import DocumentReference
from durable_research.domain.values import Value
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.approval import ApprovalNotice, ApprovalWaits


class _OfReport(Value):
    """A message about a report, whose id is its workflow's."""

    report_id: str
    tenant: str

    @property
    def workflow(self) -> WorkflowRef:
        return WorkflowRef(self.report_id, self.tenant)


class GenerateReport(_OfReport):
    """Starts the workflow. The request itself lies in table `workflows`, frozen when it was accepted.

    A resumed report may continue with a text that a person has `corrected`, or pay for another `generation` of the model's. A
    start without `notify_on` was recorded when channels were notified only that a report is done or waits for approval.
    """

    tenant: str = "default"
    channels: tuple[str, ...] = ("log",)
    start_after: datetime | None = None
    approval: str = "none"
    approval_waits: ApprovalWaits = ApprovalWaits()
    corrected: WrittenText | None = None
    generation: int = 0
    notify_on: tuple[Occasion, ...] | None = None


class LlmCall(_OfReport):
    """Requests the text; another `generation` is a deliberate second purchase."""

    generation: int = 0


class CreatePdf(_OfReport):
    """Requests the PDF of a text."""

    text: WrittenText


class ReportPdf(Value):
    """The PDF, by reference, and the title that the document ended up with."""

    pdf: DocumentReference
    title: str


class StoreReportMetadata(_OfReport):
    """Requests the report's row."""

    text: WrittenText
    pdf: ReportPdf


class DiscardReport(_OfReport):
    """Requests the removal of a cancelled report's row, embedding and objects."""


class SendNotification(_OfReport):
    """Requests the notification that the report is ready.

    `names_title` is true in older histories, whose effect's fingerprint includes the title; a corrected text may change it.
    """

    channels: tuple[str, ...]
    title: str
    names_title: bool = True


class SendApprovalNotice(_OfReport):
    """Requests the notice that the draft waits for a person."""

    channels: tuple[str, ...]
    notice: ApprovalNotice
    resumption: int = 0


class SendNotice(_OfReport):
    """Requests the notice that the report failed, or waits for a decision."""

    channels: tuple[str, ...]
    notice: Notice


class NotificationOutcome(Value):
    """The channels that were notified; and the channels, or addresses of one, that refuse permanently."""

    told: tuple[str, ...]
    refused: tuple[str, ...] = ()


class ReportResult(Value):
    """The workflow's result: ids and links, never bytes."""

    report_id: str
    status: str
    pdf_key: str
    text_key: str
    notified: tuple[str, ...] = ()
