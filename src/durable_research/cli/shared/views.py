"""Workflows, steps and events on a terminal: tables, lines and colours; the texts are those of the pages."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from durable_research.cli.shared.terminal import clean, shorten
from durable_research.cli.shared.workflow_view import WorkflowView
from durable_research.domain.durations import ago, duration
from durable_research.domain.schedules.schedule import in_words
from durable_research.domain.schedules.zones import zone_named
from durable_research.domain.shapes import FailureBody
from durable_research.domain.wording import ATTEMPT_EVENTS, event_words, look
from durable_research.domain.workflows.events import AttemptFailed, Closed, EventKind
from durable_research.domain.workflows.progress import ProgressEvent, StepState, StepView
from durable_research.domain.workflows.waits import ProviderWait, provider_wait
from durable_research.domain.workflows.workflow import Status

_TITLE_LONGEST = 60
_COLORS: dict[str, str] = {
    Status.QUEUED: "dim",
    Status.RUNNING: "blue",
    Status.RETRYING: "yellow",
    Status.WAITING_FOR_YOU: "magenta",
    Status.SLEEPING: "dim",
    Status.DONE: "green",
    Status.PARTLY_DONE: "yellow",
    Status.FAILED: "red",
    Status.CANCELLED: "dim",
    Status.TERMINATED: "red",
    StepState.PENDING: "dim",
    StepState.WAITING: "yellow",
    StepState.LEFT_OUT: "dim",
}


def status_text(status: str) -> Text:
    """A status or state as symbol and text."""
    shape, text = look(status)
    return Text(f"{shape} {clean(text)}", style=_COLORS.get(status, ""))


def workflows_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """The list."""
    table = _table("ID", "TITLE", "STATUS", "AGE")
    now = datetime.now(UTC)
    for row in rows:
        table.add_row(
            Text(clean(row["workflow_id"]), no_wrap=True),
            Text(shorten(clean(row.get("title", "")), _TITLE_LONGEST)),
            status_text(str(row["status"])),
            Text(ago(datetime.fromisoformat(row["created_at"]), now)),
        )
    return table


def schedules_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Schedules with their next firing, each in its own time zone, which is printed with every time."""
    table = _table("ID", "TITLE", "EVERY", "ZONE", "NEXT")
    for row in rows:
        state = "failed" if row.get("failed") else "paused"
        next_time = _in_zone(row["next_at"], str(row["timezone"])) if row.get("next_at") else "never"
        table.add_row(
            Text(clean(row["schedule_id"]), no_wrap=True),
            Text(shorten(clean(row.get("title", "")), _TITLE_LONGEST)),
            Text(clean(in_words(str(row["every"])))),
            Text(clean(row["timezone"])),
            Text(f"‖ {state}", style="yellow") if row["paused"] else Text(next_time),
        )
    return table


def _in_zone(at: str, zone: str) -> str:
    """A time in this zone, with the zone's name; in UTC where this machine has no data for the zone."""
    return f"{datetime.fromisoformat(at).astimezone(zone_named(zone) or UTC):%Y-%m-%d %H:%M %Z}"


def steps_table(
    steps: Sequence[StepView],
    drafts: Mapping[str, int] | None = None,
    waits: Mapping[str, ProviderWait] | None = None,
) -> Table:
    """Steps with attempts, workers, times and notes."""
    table = _table("STEP", "STATE", "ATTEMPT", "WORKER", "TIME", "NOTE")
    now = datetime.now(UTC)
    for step in steps:
        passed = ((step.ended_at or now) - step.started_at).total_seconds() if step.started_at else None
        table.add_row(
            Text(clean(step.name)),
            status_text(step.state),
            Text(str(step.attempt or "")),
            Text(clean(step.worker or "")),
            Text("" if passed is None else duration(passed)),
            Text(_note(step, now, (drafts or {}).get(step.name, 0), (waits or {}).get(step.name))),
        )
    return table


def live_view(workflow: WorkflowView) -> Group:
    """The present state of the workflow."""
    head = Text.assemble(Text(shorten(clean(workflow.title), 100), style="bold"), "  ", status_text(workflow.status))
    return Group(
        head, steps_table(workflow.steps(), workflow.drafts, dict(filter(None, [provider_wait(workflow.events)])))
    )


def wait_line(event: ProgressEvent, wait: ProviderWait) -> str:
    """One line for all polls of a wait so far."""
    text = f"{clean(event.step)}, attempt {event.attempt}: {wait.words} ({error_words(wait.last_error)})"
    return f"{event.at.astimezone():%H:%M:%S}  {text}"


def event_line(event: ProgressEvent) -> str:
    """One line for one event, for logs and pipes."""
    return f"{event.at.astimezone():%H:%M:%S}  {_event_words(event)}"


def error_words(error: Mapping[str, Any] | None) -> str:
    """`code: detail` of a failure."""
    return clean(f"{error.get('code', 'error')}: {error.get('detail', '')}") if error else ""


def resume_words(workflow_id: str, offer: Mapping[str, Any]) -> str:
    """The command that resumes a failed workflow, and its possible cost."""
    return f"durable-research resume {clean(workflow_id)} ({clean(offer.get('words', ''))})"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in columns:
        table.add_column(name, no_wrap=name in {"ID", "STATUS", "STATE", "AGE", "TIME"})
    return table


def _note(step: StepView, now: datetime, draft_characters: int, wait: ProviderWait | None) -> str:
    notes = [clean(step.left_out)] if step.left_out else []
    if wait:
        notes.append(wait.words)
    if step.state is StepState.RUNNING and draft_characters:
        notes.append(f"{draft_characters:,} characters so far")
    if step.state is not StepState.DONE and step.last_error:
        notes.append(error_words(step.last_error))
    if step.next_try_at and step.next_try_at > now:
        notes.append(f"tries again in {duration((step.next_try_at - now).total_seconds())}")
    if step.state is StepState.DONE and step.attempt > 1 and step.last_error:
        notes.append(f"before: {error_words(step.last_error)}")
    return "; ".join(notes)


def _next_action(event: ProgressEvent) -> str:
    """The next action after a failed attempt."""
    if event.asks_a_person:
        return f"waits for you: durable-research decide {clean(event.workflow_id)}"
    wait = event.payload.retry_in_seconds if isinstance(event.payload, AttemptFailed) else None
    return "given up" if wait is None else f"tries again in {duration(wait)}"


def _error_of(event: ProgressEvent) -> FailureBody | None:
    return event.payload.error if isinstance(event.payload, AttemptFailed | Closed) else None


def _event_words(event: ProgressEvent) -> str:
    text = clean(event_words(event.kind, event.data, error_words(_error_of(event))))
    if event.kind is EventKind.ATTEMPT_FAILED:
        text += f"; {_next_action(event)}"
    return f"{clean(event.step)}, attempt {event.attempt}: {text}" if event.kind in ATTEMPT_EVENTS else text
