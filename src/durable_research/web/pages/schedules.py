"""Recurring questions: a form to add one, and the list with its buttons. Everything works without a script."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quart import Response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from durable_research.domain.errors import FieldError, InfrastructureDown, InvalidInput, TooManySchedules
from durable_research.domain.requests.writing import PROMPT_LONGEST
from durable_research.domain.schedules.schedule import in_words
from durable_research.operations.facade import Operations
from durable_research.ports.engine.schedules import ScheduleView
from durable_research.web.http import requests
from durable_research.web.pages import forms
from durable_research.web.pages.home import LANGUAGES
from durable_research.web.pages.shell import page

_FIELDS = (*forms.QUESTION_FIELDS, "day", "time", "timezone", "every")
# The form's options -> the cron field for days of the week.
DAYS = {
    "*": "Every day",
    "1-5": "Monday to Friday",
    "1": "Every Monday",
    "2": "Every Tuesday",
    "3": "Every Wednesday",
    "4": "Every Thursday",
    "5": "Every Friday",
    "6": "Every Saturday",
    "0": "Every Sunday",
}
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(:[0-5][0-9])?", re.ASCII)
_ENGINE_IS_DOWN = (
    "Temporal does not answer, so schedules can be neither seen nor changed at the moment. They go on by themselves."
)


@dataclass(frozen=True)
class SchedulePages:
    """The page of schedules and its buttons."""

    operations: Operations

    async def schedules(self) -> Response:
        """The form and the list."""
        return await self._page(forms.QuestionForm())

    async def add(self) -> Response | BaseResponse:
        """Create a schedule and show the list."""
        fields = await forms.form_of(request)
        try:
            body = _request_body(fields)
            key = forms.idempotency_key(fields, body)
            await self.operations.scheduling.add(body, caller=requests.caller_of(request), idempotency_key=key)
        except InvalidInput as error:
            return await self._page(forms.with_errors(fields, error, _FIELDS), 422)
        except TooManySchedules as error:
            full = InvalidInput([FieldError("/prompt", error.code, f"would be one too many: {error.detail}")])
            return await self._page(forms.with_errors(fields, full, _FIELDS), 409)
        except InfrastructureDown:
            return await self._page(forms.QuestionForm(fields), 503)
        return redirect("/schedules", 303)

    async def pause(self, schedule_id: str) -> BaseResponse:
        """Pause it and show the list again."""
        await self.operations.scheduling.pause(schedule_id, requests.caller_of(request))
        return redirect("/schedules", 303)

    async def resume(self, schedule_id: str) -> BaseResponse:
        """Resume it and show the list again."""
        await self.operations.scheduling.resume(schedule_id, requests.caller_of(request))
        return redirect("/schedules", 303)

    async def delete(self, schedule_id: str) -> BaseResponse:
        """Remove it and show the list again."""
        await self.operations.scheduling.delete(schedule_id, requests.caller_of(request))
        return redirect("/schedules", 303)

    async def _page(self, form: forms.QuestionForm, status: int = 200) -> Response:
        rows: Sequence[ScheduleView] = ()
        notice = ""
        try:
            rows = await self.operations.scheduling.list(requests.caller_of(request))
        except InfrastructureDown:
            notice = _ENGINE_IS_DOWN
        return await page(
            self.operations,
            "schedules.html",
            status=status,
            form=form,
            rows=rows,
            notice=notice,
            days=DAYS,
            languages=LANGUAGES,
            longest=PROMPT_LONGEST,
            in_words=in_words,
        )


def _request_body(fields: Mapping[str, str]) -> dict[str, Any]:
    """The request of the form; a typed rhythm has precedence over the chosen day and time."""
    every = fields.get("every", "").strip() or _cron(fields.get("day", ""), fields.get("time", ""))
    zone = fields.get("timezone", "").strip() or "UTC"
    return forms.request_body(fields) | {"every": every, "timezone": zone}


def _cron(day: str, time: str) -> str:
    if day not in DAYS:
        raise InvalidInput([FieldError("/day", "enum", "is not one of the days")])
    match = _TIME.fullmatch(time)
    if match is None:
        raise InvalidInput([FieldError("/time", "pattern", "is no time")])
    return f"{int(match[2])} {int(match[1])} * * {day}"
