"""Loaded by Schemathesis: corrects what no schema can require of a valid request, so that the rest is checked strictly.

Requests that are meant to be wrong stay as they are.
"""

import unicodedata
import uuid
from typing import Any

import schemathesis

LONGEST = {"prompt": 20_000, "title": 200, "user": 100}
# Valid by the schema, and refused by a rule: unconfigured channels, a time more than a year ahead, a time zone that is not, a
# cron line that never comes, a least length above the most.
BODY: dict[str, Any] = {
    "notify": ["log"],
    "start_after": "2026-11-22T09:00:00Z",
    "every": "1d",
    "timezone": "UTC",
    "rules": {},
}
# A number within one workflow's log, a part within one file, a place in one list.
QUERY = {"after": 0}
HEADERS = {"Last-Event-ID": "0", "Range": "bytes=0-0"}


@schemathesis.hook  # type: ignore[untyped-decorator]  # installed in an environment of its own
def filter_body(context: Any, body: Any) -> bool:
    """Lengths are counted after line ends and accents are brought to one form, which a schema cannot express."""
    return not isinstance(body, dict) or not any(
        isinstance(body.get(name), str) and (len(body[name]) > most) != (len(_one_form(body[name])) > most)
        for name, most in LONGEST.items()
    )


def _one_form(text: str) -> str:
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n"))


@schemathesis.hook  # type: ignore[untyped-decorator]  # installed in an environment of its own
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Make a request right that is meant to be."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if isinstance(case.body, dict):
        case.body.update({name: value for name, value in BODY.items() if case.body.get(name) is not None})
    if case.query:
        case.query.pop("cursor", None)
        case.query.update({name: value for name, value in QUERY.items() if name in case.query})
    for name in list(case.headers or ()):
        if name in HEADERS:
            case.headers[name] = HEADERS[name]
        elif name == "Idempotency-Key":  # the same one with another body is refused
            case.headers[name] = uuid.uuid4().hex
