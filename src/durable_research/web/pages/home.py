"""The home page: the question form, and recent questions."""

from dataclasses import dataclass

from quart import Response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from durable_research.descriptor import Pipeline
from durable_research.domain.errors import InvalidInput
from durable_research.domain.requests.writing import PROMPT_LONGEST
from durable_research.domain.workflows.approval import BEFORE_NOTIFY, BEFORE_PDF
from durable_research.operations.facade import Operations
from durable_research.ports.database.workflows import WorkflowFilter
from durable_research.web.http import requests
from durable_research.web.pages import forms
from durable_research.web.pages.shell import page

_RECENT = 8
EXAMPLES = (
    "How do tidal power plants work, and where do they pay off?",
    "Why do honey bees dance, and how do we know?",
    "What made container shipping cheap?",
)
LANGUAGES = (
    ("", "English (default)"),
    ("de", "Deutsch"),
    ("es", "Español"),
    ("fr", "Français"),
    ("it", "Italiano"),
    ("pt", "Português"),
    ("pl", "Polski"),
    ("tr", "Türkçe"),
    ("ru", "Русский"),
    ("ar", "العربية"),
    ("hi", "हिन्दी"),
    ("zh", "中文"),
    ("ja", "日本語"),
)
# The values of the request's field `approval`.
APPROVALS = {
    "": "No",
    BEFORE_PDF: "Of the draft, before it is typeset",
    BEFORE_NOTIFY: "Of the report, before anybody is told",
}


@dataclass(frozen=True)
class HomePages:
    """The home page and its forms."""

    operations: Operations

    async def home(self) -> Response:
        """The form, filled with an example when a chip was followed without a script, or with an earlier question."""
        if again := request.args.get("again"):
            row = await self.operations.reading.get(again, requests.caller_of(request))
            return await self._home(forms.QuestionForm(forms.fields_of(row.input)))
        prompt = request.args.get("prompt", "")
        return await self._home(forms.QuestionForm({"prompt": prompt[:PROMPT_LONGEST]} if prompt else {}))

    async def start(self, pipeline: Pipeline) -> Response | BaseResponse:
        """Accept the form and redirect to the page of its workflow."""
        fields = await forms.form_of(request)
        try:
            body = forms.start_body(fields)
            key = forms.idempotency_key(fields, body)
            started = await self.operations.starting.start(
                pipeline.path, body, caller=requests.caller_of(request), idempotency_key=key
            )
        except InvalidInput as error:
            return await self._home(forms.with_errors(fields, error, forms.START_FIELDS), status=422)
        return redirect(f"/{pipeline.page}/{started.row.workflow_id}", 303)

    async def _home(self, form: forms.QuestionForm, status: int = 200) -> Response:
        criteria = WorkflowFilter(limit=_RECENT)
        caller = requests.caller_of(request)
        recent = await self.operations.reading.list(caller, criteria)
        return await page(
            self.operations,
            "home.html",
            status=status,
            form=form,
            recent=recent,
            today=await self.operations.system.today(caller),
            examples=EXAMPLES,
            languages=LANGUAGES,
            approvals=APPROVALS,
            longest=PROMPT_LONGEST,
        )
