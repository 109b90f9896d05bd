"""How runs, steps and events look on a terminal: always a shape and a word, never a colour alone."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from durable_research.cli.run import Run
from durable_research.cli.terminal import clean, shorten
from durable_research.domain.progress import EventKind, ProgressEvent, StepState, StepView
from durable_research.domain.schedule import in_words
from durable_research.domain.waits import ProviderWait, provider_wait
from durable_research.domain.workflow import Status
from durable_research.domain.zones import zone_named

_TITLE_LONGEST = 60
_LOOKS = {
    "pending": ("◌", "dim"),
    "queued": ("◌", "dim"),
    "running": ("●", "blue"),
    "retrying": ("↻", "yellow"),
    "waiting": ("◇", "yellow"),
    "waiting_for_you": ("◇", "magenta"),
    "sleeping": ("☾", "dim"),
    "done": ("✔", "green"),
    "left_out": ("⊖", "dim"),
    "partly_done": ("◐", "yellow"),
    "failed": ("✖", "red"),
    "cancelled": ("⊘", "dim"),
    "terminated": ("■", "red"),
}
_WORDS = {
    EventKind.ACCEPTED: "accepted",
    EventKind.ATTEMPT_STARTED: "{attempt}: started on {worker}",
    EventKind.ATTEMPT_REATTACHED: "{attempt}: took up the call that was already sent; nothing is paid again",
    EventKind.CALL_SENT_AGAIN: "{attempt}: sends the call again: {possible_extra} earlier may have been charged",
    EventKind.PROVIDER_ANSWERED: "{attempt}: the provider answers again",
    EventKind.ATTEMPT_COMPLETED: "{attempt}: done",
    EventKind.ATTEMPT_FAILED: "{attempt}: failed ({error}); {after}",
    EventKind.ATTEMPT_LOST: "{attempt}: lost, {worker} went away",
    EventKind.ATTEMPT_HANDED_BACK: "{attempt}: handed back, {worker} is shutting down",
    EventKind.ATTEMPT_CANCELLED: "{attempt}: cancelled",
    EventKind.APPROVAL_ASKED: "the draft waits for approval",
    EventKind.APPROVAL_REMINDED: "the draft still waits for approval",
    EventKind.APPROVAL_GIVEN: "the draft is approved",
    EventKind.APPROVAL_REFUSED: "the draft was refused",
    EventKind.APPROVAL_EXPIRED: "nobody approved the draft in time",
    EventKind.CANCEL_REQUESTED: "cancelling was asked for",
    EventKind.CLOSED: "the run {ended}",
    EventKind.RESUMED: "resumed: it goes on from the step that failed",
    EventKind.STORED_LATER: "the report's record is stored now; the run {ended}",
}

_ENDS: dict[str, str] = {Status.FAILED: "has failed", Status.TERMINATED: "was ended from outside"}


def status_text(status: str) -> Text:
    """A status or state as shape and word."""
    shape, style = _LOOKS.get(status, ("?", ""))
    return Text(f"{shape} {clean(status).replace('_', ' ')}", style=style)


def duration(seconds: float) -> str:
    """Words for a length of time; clocks that disagree give 0.0 s."""
    seconds = max(seconds, 0.0)
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min {rest:02} s"


def age(at: str, now: datetime) -> str:
    """Words for how long ago that was."""
    seconds = (now - datetime.fromisoformat(at)).total_seconds()
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit} ago"
    return "just now"


def workflows_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """The list."""
    table = _table("ID", "TITLE", "STATUS", "AGE")
    now = datetime.now(UTC)
    for row in rows:
        table.add_row(
            Text(clean(row["workflow_id"]), no_wrap=True),
            Text(shorten(clean(row.get("title", "")), _TITLE_LONGEST)),
            status_text(str(row["status"])),
            Text(age(row["created_at"], now)),
        )
    return table


def schedules_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Schedules with their next firing, each in its own time zone, which stands beside every time."""
    table = _table("ID", "TITLE", "EVERY", "ZONE", "NEXT")
    for row in rows:
        state = "failed" if row.get("failed") else "paused"
        following = _in_zone(row["next_at"], str(row["timezone"])) if row.get("next_at") else "never"
        table.add_row(
            Text(clean(row["schedule_id"]), no_wrap=True),
            Text(shorten(clean(row.get("title", "")), _TITLE_LONGEST)),
            Text(clean(in_words(str(row["every"])))),
            Text(clean(row["timezone"])),
            Text(f"‖ {state}", style="yellow") if row["paused"] else Text(following),
        )
    return table


def _in_zone(at: str, zone: str) -> str:
    """A time with the zone that it is told in: UTC where this machine does not know the other one."""
    return f"{datetime.fromisoformat(at).astimezone(zone_named(zone) or UTC):%Y-%m-%d %H:%M %Z}"


def steps_table(
    steps: Sequence[StepView],
    drafts: Mapping[str, int] | None = None,
    waits: Mapping[str, ProviderWait] | None = None,
) -> Table:
    """Steps with attempts, workers, times, and what there is to say."""
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


def live_view(run: Run) -> Group:
    """The run as it stands this moment."""
    head = Text.assemble(Text(shorten(clean(run.title), 100), style="bold"), "  ", status_text(run.status))
    return Group(head, steps_table(run.steps(), run.drafts, dict(filter(None, [provider_wait(run.events)]))))


def wait_line(event: ProgressEvent, wait: ProviderWait) -> str:
    """One line for the looks of a wait so far."""
    words = f"{clean(event.step)}, attempt {event.attempt}: {wait.words} ({error_words(wait.last_error)})"
    return f"{event.at.astimezone():%H:%M:%S}  {words}"


def event_line(event: ProgressEvent) -> str:
    """One line for one event, for logs and pipes."""
    return f"{event.at.astimezone():%H:%M:%S}  {_event_words(event)}"


def error_words(error: Mapping[str, Any] | None) -> str:
    """`code: detail` of a failure."""
    return clean(f"{error.get('code', 'error')}: {error.get('detail', '')}") if error else ""


def resume_words(workflow_id: str, offer: Mapping[str, Any]) -> str:
    """The command that goes on with a failed one, and what that may cost."""
    return f"durable-research resume {clean(workflow_id)} ({clean(offer.get('words', ''))})"


def ended_words(status: str) -> str:
    """How a run ended, as the rest of a sentence."""
    return _ENDS.get(status) or f"is {clean(status).replace('_', ' ')}"


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


def _what_follows(event: ProgressEvent) -> str:
    """What becomes of a failed attempt."""
    if event.data.get("asks_a_person"):
        return f"waits for you: durable-research decide {clean(event.workflow_id)}"
    wait = event.data.get("retry_in_seconds")
    return "given up" if wait is None else f"tries again in {duration(float(wait))}"


def _event_words(event: ProgressEvent) -> str:
    data = event.data
    return _WORDS[event.kind].format(
        attempt=f"{clean(event.step)}, attempt {event.attempt}",
        worker=clean(data.get("worker") or "the worker"),
        error=error_words(data.get("error")),
        after=_what_follows(event),
        ended=ended_words(data.get("status", "")),
        possible_extra=clean(data.get("possible_extra", "?")),
    )
