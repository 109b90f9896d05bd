"""What crosses Temporal for a report: ids, small references, and whom to tell; no question, no answer.

A title and addresses of users are among it, so payloads are sealed wherever keys are set. New fields need defaults.
"""

from pydantic import BaseModel, ConfigDict

from durable_research.domain.report import DocumentReference, TextReference
from durable_research.domain.usage import TokenUsage
from durable_research.domain.workflow import Decision


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


class GenerateReport(_Message):
    """Starts the workflow. The request itself lies in table `workflows`, frozen when it was accepted."""

    report_id: str
    tenant: str = "default"
    channels: tuple[str, ...] = ("log",)


class LlmCall(_Message):
    """Asks for the text; another `generation` is a deliberate second purchase."""

    report_id: str
    tenant: str
    generation: int = 0


class ReportText(_Message):
    """The text, by reference, and what it took; one that is not whole was cut by the model and is gone on with."""

    text: TextReference
    model: str
    provider: str
    is_demo: bool
    usage: TokenUsage
    is_whole: bool = True


class Decided(_Message):
    """What a person decided about the question that this attempt of ours had asked."""

    attempt: int
    decision: Decision


class CreatePdf(_Message):
    """Asks for the PDF of a text."""

    report_id: str
    tenant: str
    text: ReportText


class ReportPdf(_Message):
    """The PDF, by reference, and the title that the document ended up with."""

    pdf: DocumentReference
    title: str


class StoreReportMetadata(_Message):
    """Asks for the report's row."""

    report_id: str
    tenant: str
    text: ReportText
    pdf: ReportPdf


class SendNotification(_Message):
    """Asks to tell the channels that the report is ready."""

    report_id: str
    tenant: str
    channels: tuple[str, ...]
    title: str


class Notified(_Message):
    """One channel was told; `reference` is the receiver's or our own id of the message."""

    channel: str
    reference: str


class NotificationOutcome(_Message):
    """Which channels were told, and which will never accept."""

    told: tuple[str, ...]
    refused: tuple[str, ...] = ()


class ReportResult(_Message):
    """The workflow's result: ids and links, never bytes."""

    report_id: str
    status: str
    pdf_key: str
    text_key: str
    notified: tuple[str, ...] = ()
