"""Query parameters, read strictly: an unknown, repeated or out-of-range one is refused and never silently corrected."""

import re
import unicodedata
from collections.abc import Collection
from datetime import datetime

from werkzeug.datastructures import MultiDict

from durable_research.domain.caller import Caller
from durable_research.domain.errors import FieldError, InvalidInput
from durable_research.domain.requests.writing import control_in
from durable_research.domain.workflows.workflow import Kind, Status
from durable_research.operations.reading.charts import ChartRange
from durable_research.ports.database.reports import ReportFilter
from durable_research.ports.database.workflows import WorkflowFilter
from durable_research.web.http import pagination
from durable_research.web.http.problems import Problem

LIMIT_DEFAULT = 50
LIMIT_MOST = 200
TEXT_LONGEST = 200
_REPEATABLE = frozenset({"status"})

Query = MultiDict[str, str]
Position = tuple[datetime, str] | None


def check_names(query: Query, allowed: Collection[str]) -> None:
    """Refuse parameters that this address does not have, and values given twice."""
    errors = []
    for name, values in query.lists():
        if name not in allowed:
            errors.append(FieldError(f"/{name}", "unknown_parameter", "is not a parameter of this address"))
        elif len(values) > 1 and name not in _REPEATABLE:
            errors.append(FieldError(f"/{name}", "repeated", "may be given once"))
    if errors:
        raise InvalidInput(errors)


def workflow_filter(query: Query, *, caller: Caller, of: str) -> WorkflowFilter:
    """The filter for workflows in a list's query."""
    return WorkflowFilter(
        statuses=_statuses(query),
        kind=_kind(query),
        text=text(query),
        limit=limit(query),
        before=_before(query, caller, of),
    )


def report_filter(query: Query, *, caller: Caller, of: str) -> ReportFilter:
    """The filter for reports in a list's query."""
    return ReportFilter(limit=limit(query), text=text(query), before=_before(query, caller, of))


def limit(query: Query) -> int:
    """How many rows a page holds."""
    value = query.get("limit")
    if value is None:
        return LIMIT_DEFAULT
    if not re.fullmatch(r"[0-9]{1,4}", value, re.ASCII) or not 1 <= int(value) <= LIMIT_MOST:
        raise InvalidInput([FieldError("/limit", "out_of_range", f"must be a whole number from 1 to {LIMIT_MOST}")])
    return int(value)


def text(query: Query) -> str | None:
    """The words to search for; blank is the same as none."""
    value = unicodedata.normalize("NFC", query.get("text", ""))
    if len(value) > TEXT_LONGEST:
        raise InvalidInput([FieldError("/text", "too_long", f"must have at most {TEXT_LONGEST} characters")])
    if found := control_in(value):
        raise InvalidInput([FieldError("/text", "control_character", f"holds the control character {found}")])
    if any(unicodedata.category(char) == "Cs" for char in value):
        raise InvalidInput([FieldError("/text", "invalid_unicode", "must be valid Unicode without lone surrogates")])
    return value.strip() or None


def _before(query: Query, caller: Caller, of: str) -> Position:
    """The beginning of the page; None for the newest."""
    value = query.get("cursor")
    return None if value is None else pagination.decode(value, caller=caller, of=of)


def _statuses(query: Query) -> tuple[Status, ...]:
    words = [word for value in query.getlist("status") for word in value.split(",")]
    if not all(word in set(Status) for word in words):
        raise InvalidInput([FieldError("/status", "enum", f"must be one of {', '.join(Status)}")])
    return tuple(dict.fromkeys(map(Status, words)))


def _kind(query: Query) -> Kind | None:
    value = query.get("kind")
    if value is None:
        return None
    if value not in set(Kind):
        raise InvalidInput([FieldError("/kind", "enum", f"must be one of {', '.join(Kind)}")])
    return Kind(value)


def chart_range(query: Query) -> ChartRange:
    """The range of the charts."""
    value = query.get("range", ChartRange.DAY)
    if value not in set(ChartRange):
        raise InvalidInput([FieldError("/range", "enum", f"must be one of {', '.join(ChartRange)}")])
    return ChartRange(value)


def event_number(value: str | None, newest: int) -> int:
    """The number of the last event that a reader has; 0 when it has none.

    Raises:
        Problem: 400 `invalid_last_event_id` when it is no number, or beyond the newest event.
    """
    if value is None:
        return 0
    if not re.fullmatch(r"[0-9]{1,18}", value, re.ASCII) or int(value) > newest:
        raise Problem(400, "invalid_last_event_id", f"must be a whole number from 0 to {newest}")
    return int(value)
