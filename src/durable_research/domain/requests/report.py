"""A report: its request, and its stored record."""

from datetime import datetime
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from durable_research.domain.documents.text import TextReference
from durable_research.domain.ledger.usage import TokenUsage
from durable_research.domain.requests.addresses import URL_LONGEST, is_address
from durable_research.domain.requests.moments import Moment
from durable_research.domain.requests.notice import Occasion
from durable_research.domain.requests.writing import WritingRequest
from durable_research.domain.values import Value

Named = TypeVar("Named", bound=str)
CHANNELS = ("log", "webhook", "email", "slack")


def _known(channel: str) -> str:
    if channel in CHANNELS or is_address(channel):
        return channel
    if "@" in channel:
        words = "must be {names} or an https:// address; email goes to the addresses that the operator has set"
        raise PydanticCustomError("enum", words, {"names": ", ".join(CHANNELS)})
    raise PydanticCustomError("enum", "must be {names} or an https:// address", {"names": ", ".join(CHANNELS)})


def _without_duplicates(named: tuple[Named, ...]) -> tuple[Named, ...]:
    # Two messages to one channel would be one effect: the same key.
    return tuple(dict.fromkeys(named))


# Which addresses are allowed depends on the installation: operations/start.py checks them when it accepts a request.
Channel = Annotated[
    str,
    AfterValidator(_known),
    Field(
        json_schema_extra={
            "anyOf": [
                {"enum": list(CHANNELS)},
                {"format": "uri", "maxLength": URL_LONGEST, "pattern": "^[Hh][Tt][Tt][Pp][Ss]://"},
            ]
        }
    ),
]


class NotifiedReportRequest(WritingRequest):
    """The question, the channels to notify and when (always, without `notify_on`), and the approval of the draft.

    Its subclasses add the time of the start.
    """

    approval: Literal["none", "before_pdf", "before_notify"] | None = None
    notify: (
        Annotated[tuple[Channel, ...], Field(strict=False, max_length=8), AfterValidator(_without_duplicates)] | None
    ) = None

    notify_on: Annotated[tuple[Occasion, ...], Field(strict=False), AfterValidator(_without_duplicates)] | None = None

    @property
    def named_channels(self) -> dict[str, str]:
        """Those of `notify`."""
        return {f"/notify/{place}": channel for place, channel in enumerate(self.notify or ())}


class ReportRequest(NotifiedReportRequest):
    """What a person asks for once, perhaps for later."""

    start_after: Moment | None = None

    @property
    def begins_at(self) -> datetime | None:
        """`start_after`."""
        return self.start_after


class DocumentReference(Value):
    """A rendered document in the object store."""

    key: str
    sha256: str
    size_bytes: int
    pages: int


class Report(Value):
    """One finished report, as `store_report_metadata` writes it and the library shows it."""

    report_id: str
    title: str
    prompt: str
    user: str | None = None
    language: str | None = None
    text: TextReference
    pdf: DocumentReference
    model: str
    provider: str
    is_demo: bool
    usage: TokenUsage
    asked_title: str | None = None
    asked_at: datetime
