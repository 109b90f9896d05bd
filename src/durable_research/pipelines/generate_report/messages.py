"""The messages of a report: ids, small references, and the channels to notify; no question, no answer.

They hold a title and addresses of users, so payloads are encrypted wherever keys are set. New fields need defaults.
"""

from datetime import datetime

from durable_research.domain.documents.text import WrittenText
from durable_research.domain.requests.notice import Notice, Occasion
from durable_research.domain.requests.report import DocumentReference
from durable_research.domain.values import Value
from durable_research.domain.workflows.approval import ApprovalNotice, ApprovalWaits


class GenerateReport(Value):
    """Starts the workflow. The request itself lies in table `workflows`, frozen when it was accepted.

    A resumed report may continue with a text that a person has `corrected`, or buy another `generation` of the model's. A start
    without `notify_on` was recorded when channels were notified only that a report is done or waits for approval.
    """

    report_id: str
    tenant: str = "default"
    channels: tuple[str, ...] = ("log",)
    start_after: datetime | None = None
    approval: str = "none"
    approval_waits: ApprovalWaits = ApprovalWaits()
    corrected: WrittenText | None = None
    generation: int = 0
    notify_on: tuple[Occasion, ...] | None = None


class LlmCall(Value):
    """Requests the text; another `generation` is a deliberate second purchase."""

    report_id: str
    tenant: str
    generation: int = 0


class CreatePdf(Value):
    """Requests the PDF of a text."""

    report_id: str
    tenant: str
    text: WrittenText


class ReportPdf(Value):
    """The PDF, by reference, and the title that the document ended up with."""

    pdf: DocumentReference
    title: str


class StoreReportMetadata(Value):
    """Requests the report's row."""

    report_id: str
    tenant: str
    text: WrittenText
    pdf: ReportPdf


class DiscardReport(Value):
    """Requests the removal of a cancelled report's row, embedding and objects."""

    report_id: str
    tenant: str


class SendNotification(Value):
    """Requests the notification that the report is ready.

    `names_title` is true in older histories, whose effect's fingerprint includes the title; a corrected text may change it.
    """

    report_id: str
    tenant: str
    channels: tuple[str, ...]
    title: str
    names_title: bool = True


class SendApprovalNotice(Value):
    """Requests the notice that the draft waits for a person."""

    report_id: str
    tenant: str
    channels: tuple[str, ...]
    notice: ApprovalNotice
    resumption: int = 0


class SendNotice(Value):
    """Requests the notice that the report failed, or waits for a decision."""

    report_id: str
    tenant: str
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
