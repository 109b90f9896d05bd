"""What crosses Temporal for a report: ids, small references, and whom to tell; no question, no answer.

A title and addresses of users are among it, so payloads are sealed wherever keys are set. New fields need defaults.
"""

from datetime import datetime

from durable_research.domain.documents.text import WrittenText
from durable_research.domain.requests.notice import Notice, Occasion
from durable_research.domain.requests.report import DocumentReference
from durable_research.domain.values import Value
from durable_research.domain.workflows.approval import ApprovalNotice, ApprovalWaits


class GenerateReport(Value):
    """Starts the workflow. The request itself lies in table `workflows`, frozen when it was accepted.

    A resumed report may go on with a text that a person has `corrected`, or buy another `generation` of the model's. A start
    without `notify_on` is of a time when channels were told that a report is done or waits for approval, and of nothing else.
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
    """Asks for the text; another `generation` is a deliberate second purchase."""

    report_id: str
    tenant: str
    generation: int = 0


class CreatePdf(Value):
    """Asks for the PDF of a text."""

    report_id: str
    tenant: str
    text: WrittenText


class ReportPdf(Value):
    """The PDF, by reference, and the title that the document ended up with."""

    pdf: DocumentReference
    title: str


class StoreReportMetadata(Value):
    """Asks for the report's row."""

    report_id: str
    tenant: str
    text: WrittenText
    pdf: ReportPdf


class DiscardReport(Value):
    """Asks for the removal of what a cancelled report had made."""

    report_id: str
    tenant: str


class SendNotification(Value):
    """Asks to tell the channels that the report is ready.

    Of a time when the title was part of what makes the effect the same, it is (`names_title`); a corrected text may change it.
    """

    report_id: str
    tenant: str
    channels: tuple[str, ...]
    title: str
    names_title: bool = True


class SendApprovalNotice(Value):
    """Asks to tell the channels that the draft waits for a person."""

    report_id: str
    tenant: str
    channels: tuple[str, ...]
    notice: ApprovalNotice
    resumption: int = 0


class SendNotice(Value):
    """Asks to tell the channels that the report failed, or waits for a decision."""

    report_id: str
    tenant: str
    channels: tuple[str, ...]
    notice: Notice


class NotificationOutcome(Value):
    """Which channels were told; and which, or which addresses of one, will never accept."""

    told: tuple[str, ...]
    refused: tuple[str, ...] = ()


class ReportResult(Value):
    """The workflow's result: ids and links, never bytes."""

    report_id: str
    status: str
    pdf_key: str
    text_key: str
    notified: tuple[str, ...] = ()
