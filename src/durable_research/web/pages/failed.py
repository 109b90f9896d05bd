"""The part of a failed report's page with its paid text, its correction, and the resumption."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from durable_research.domain.errors import InfrastructureDown, InvalidInput, ResearchError
from durable_research.operations.facade import Operations
from durable_research.operations.reading.paid_text import PaidText
from durable_research.operations.reading.recoverable import TEXT, ResumeOffer
from durable_research.operations.reading.status import WorkflowStatus
from durable_research.web.http import addresses
from durable_research.web.pages import forms

_PERMISSION_NEEDED = "Tick the box first: going on may be charged again."


@dataclass
class Failed:
    """`paid` is None where nothing was written or the text cannot be read now; `form` is the typed input with its errors."""

    offer: ResumeOffer
    paid: PaidText | None
    text_url: str
    form: forms.QuestionForm = field(default_factory=forms.QuestionForm)

    @property
    def text(self) -> str:
        """The content of the field: the typed text, or else the paid one."""
        return self.form.values.get("text", self.paid.text if self.paid else "")


def body_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """The body of a request to resume, from a form."""
    text = {"text": fields["text"]} if "text" in fields else {}
    return text | ({"accept_charge": True} if fields.get("accept_charge") == "yes" else {})


def as_typed(fields: Mapping[str, str], error: ResearchError) -> forms.QuestionForm:
    """The forms again, with their errors."""
    if isinstance(error, InvalidInput):
        return forms.with_errors(fields, error, ("text",), otherwise="text")
    name, words = ("text", f"{error.detail}.") if "text" in fields else ("accept_charge", _PERMISSION_NEEDED)
    return forms.QuestionForm(values=fields, errors={name: words})


async def failed(
    operations: Operations, status: WorkflowStatus, offer: ResumeOffer, form: forms.QuestionForm | None
) -> Failed:
    """Everything that the page shows of it; an outage of the object store does not prevent a resumption."""
    paid = None
    if offer.has_text:
        with suppress(InfrastructureDown):
            paid = await operations.texts.paid.find(status.row, status.events, offer.answers)
    text_url = addresses.text(status.row.workflow_id, TEXT)
    return Failed(offer, paid, text_url, form or forms.QuestionForm())
