"""Errors as pages, for people: what happened, what is safe, what to do, and the text that was refused."""

from dataclasses import dataclass
from datetime import UTC, datetime

from quart import Response, g, render_template

from durable_research.telemetry.tracing import current_trace_id
from durable_research.web.http.problems import Problem
from durable_research.web.pages import wording

_TITLES = {
    400: "That request could not be read",
    403: "That came from another site",
    404: "There is nothing here",
    405: "That cannot be done here",
    409: "That is not possible now",
    422: "Something in the request is not right",
    500: "Something went wrong on our side",
    503: "A part of the system does not answer",
}
_ADVICE = {
    404: "The address may be mistyped, or the report is not yours.",
    500: "Your reports are safe: what was accepted is kept and goes on by itself.",
    503: "Your reports are safe: what was accepted is kept and goes on by itself. Try again in a moment.",
}


@dataclass(frozen=True)
class Visit:
    """The page of a form, and a text in it that must not be lost."""

    address: str
    noun: str
    text: str | None = None


def remember(visit: Visit) -> None:
    """Store it until the request is answered, for the page of an error."""
    g.visit = visit


async def error_page(problem: Problem, request_id: str, *, is_demo: bool) -> Response:
    """Render the problem; uses no dependency, as one of them may be down."""
    html = await render_template(
        "error.html",
        title=_TITLES.get(problem.status, "That did not work"),
        problem=problem,
        advice=_ADVICE.get(problem.status, ""),
        request_id=request_id,
        trace_id=current_trace_id(),
        visit=g.get("visit"),
        is_demo=is_demo,
        workers=None,
        now=datetime.now(UTC),
        wording=wording,
    )
    return Response(html, problem.status, problem.headers, content_type="text/html; charset=utf-8")
