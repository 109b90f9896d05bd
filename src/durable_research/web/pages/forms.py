"""Forms, read as strictly as JSON; and the question form with what was wrong in it."""

import hashlib
import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from quart import Request

from durable_research.domain.errors import InvalidInput
from durable_research.domain.request import PROMPT_LONGEST
from durable_research.web import checks
from durable_research.web.problems import Problem

_MOST_FIELDS = 20
QUESTION_FIELDS = ("prompt", "title", "language")
_WORDS = {
    ("prompt", "blank"): "Write a question first.",
    ("prompt", "required"): "Write a question first.",
    ("prompt", "too_long"): f"The question is longer than {PROMPT_LONGEST:,} characters.",
    ("language", "pattern"): "Choose a language from the list.",
    ("time", "pattern"): "Write the time as hours and minutes, such as 09:00.",
    ("day", "enum"): "Choose a day from the list.",
}


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a posted form.

    Raises:
        Problem: 415 for another type, 400 when it cannot be read in one way only.
    """
    checks.check_content_type(request, checks.FORM)
    data = await checks.bytes_of(request)
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
    """The question form as it is shown: what was typed, and what is wrong with it by field."""

    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(18))

    def value(self, name: str) -> str:
        """What was typed."""
        return self.values.get(name, "")


def request_body(fields: Mapping[str, str]) -> dict[str, Any]:
    """The start body that a form asks for; an empty optional field is one that was not filled in."""
    return {"prompt": fields.get("prompt", "")} | {
        name: fields[name] for name in ("title", "language") if fields.get(name, "").strip()
    }


def approval_body(fields: Mapping[str, str]) -> dict[str, Any]:
    """The decision about a draft that a form sends; its text counts only with the button that says so."""
    names = ("decision", "draft_sha256", "decision_id", *(("text",) if fields.get("decision") == "edit" else ()))
    return {name: fields[name] for name in names if name in fields}


def idempotency_key(fields: Mapping[str, str], body: Mapping[str, Any]) -> str:
    """The same form sent twice is one report; the same form with another question is another."""
    token = fields.get("token") or secrets.token_urlsafe(18)
    return "form-" + hashlib.sha256(json.dumps([token, body], sort_keys=True).encode()).hexdigest()


def with_errors(
    fields: Mapping[str, str], error: InvalidInput, names: Collection[str] = QUESTION_FIELDS
) -> QuestionForm:
    """The form again, with what is wrong in it; what is wrong elsewhere stands at the question."""
    errors: dict[str, str] = {}
    for one in error.errors:
        name = one.pointer.strip("/").split("/")[0]
        name = name if name in names else "prompt"
        errors.setdefault(name, _WORDS.get((name, one.code), f"This {one.detail}."))
    return QuestionForm(values=fields, errors=errors)
