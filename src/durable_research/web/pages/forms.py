"""Forms, read as strictly as JSON; and the question form with its errors."""

import hashlib
import json
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from quart import Request

from durable_research.domain.errors import FieldError, InvalidInput
from durable_research.domain.requests.writing import PROMPT_LONGEST
from durable_research.domain.schedules.zones import ZONE_RULE, moment_of, zone_named
from durable_research.web.http import requests
from durable_research.web.http.problems import Problem

_MOST_FIELDS = 20
QUESTION_FIELDS = ("prompt", "title", "language")
START_FIELDS = (*QUESTION_FIELDS, "approval", "start_after", "timezone")
# The format of the browser's own field, and the usual one where there is no such field.
_WALL_CLOCK = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}(:[0-9]{2})?)(\.0{1,3})?")
_WORDS = {
    ("prompt", "blank"): "Write a question first.",
    ("prompt", "required"): "Write a question first.",
    ("text", "blank"): "Write a text first.",
    ("prompt", "too_long"): f"The question is longer than {PROMPT_LONGEST:,} characters.",
    ("language", "pattern"): "Choose a language from the list.",
    ("time", "pattern"): "Write the time as hours and minutes, such as 09:00.",
    ("day", "enum"): "Choose a day from the list.",
    ("approval", "enum"): "Choose from the list.",
    ("approval", "unknown_field"): "Only a report can wait for your approval.",
    ("start_after", "unknown_field"): "Only a report can begin later.",
    ("start_after", "invalid_time"): "Write the day and the time, such as 2026-11-22 09:00.",
}


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a posted form.

    Raises:
        Problem: 415 for another type, 400 when it is ambiguous.
    """
    requests.check_content_type(request, requests.FORM)
    data = await requests.bytes_of(request)
    try:
        pairs = parse_qsl(data.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Problem(400, "malformed_form", "the form cannot be read") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Problem(400, "duplicate_key", "the form names the same field twice")
    return fields


@dataclass
class QuestionForm:
    """The question form to show: the typed values, and the errors by field."""

    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(18))

    def value(self, name: str) -> str:
        """The typed value."""
        return self.values.get(name, "")

    def is_filled(self, *names: str) -> bool:
        """Whether one of these fields has a value or an error."""
        return any(self.value(name) or name in self.errors for name in names)


def request_body(fields: Mapping[str, str]) -> dict[str, Any]:
    """The start body of a form; an empty optional field counts as not filled in."""
    return {"prompt": fields.get("prompt", "")} | {
        name: fields[name] for name in ("title", "language") if fields.get(name, "").strip()
    }


def fields_of(accepted: Mapping[str, Any]) -> dict[str, str]:
    """The form's fields of an accepted request, without its start time, which has passed."""
    return {name: str(accepted[name]) for name in (*QUESTION_FIELDS, "approval") if accepted.get(name)}


def start_body(fields: Mapping[str, str]) -> dict[str, Any]:
    """The same with the fields that only the form of the home page has.

    Raises:
        InvalidInput: the time to begin at is none in its time zone.
    """
    approval = {"approval": fields["approval"]} if fields.get("approval", "").strip() else {}
    return request_body(fields) | approval | _beginning(fields.get("start_after", "").strip(), fields)


def _beginning(entered: str, fields: Mapping[str, str]) -> dict[str, Any]:
    if not entered:
        return {}
    zone = zone_named(name := fields.get("timezone", "").strip() or "UTC")
    if zone is None:
        raise InvalidInput([FieldError("/timezone", "unknown_time_zone", ZONE_RULE)])
    match = _WALL_CLOCK.fullmatch(entered)
    try:
        moment = moment_of(datetime.fromisoformat(f"{match[1]}T{match[2]}"), zone) if match else None
    except (ValueError, OverflowError):
        match = None
    if match is None:
        # The request's rule refuses an invalid time, and accepts one with its own offset.
        return {"start_after": entered}
    if moment is None:
        words = f"does not exist in {name}, where clocks are put forward then"
        raise InvalidInput([FieldError("/start_after", "never", words)])
    return {"start_after": moment.isoformat()}


def approval_body(fields: Mapping[str, str]) -> dict[str, Any]:
    """The decision about a draft from a form; its text counts only with the button for an edit."""
    names = ("decision", "draft_sha256", "decision_id", *(("text",) if fields.get("decision") == "edit" else ()))
    return {name: fields[name] for name in names if name in fields}


def idempotency_key(fields: Mapping[str, str], body: Mapping[str, Any]) -> str:
    """The same form sent twice is one report; the same form with another question is another."""
    token = fields.get("token") or secrets.token_urlsafe(18)
    return "form-" + hashlib.sha256(json.dumps([token, body], sort_keys=True).encode()).hexdigest()


def with_errors(
    fields: Mapping[str, str], error: InvalidInput, names: Collection[str], otherwise: str = "prompt"
) -> QuestionForm:
    """The form again, with its errors; other errors are shown at the field `otherwise`."""
    errors: dict[str, str] = {}
    for one in error.errors:
        name = one.pointer.strip("/").split("/")[0]
        name = name if name in names else otherwise
        errors.setdefault(name, _WORDS.get((name, one.code), f"This {one.detail}."))
    return QuestionForm(values=fields, errors=errors)
