"""Watches a workflow to its end: a live table on a terminal, lines elsewhere; shared by `watch` and `submit --wait`."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any

import click

from durable_research.cli.shared.client import Api
from durable_research.cli.shared.command import Exit
from durable_research.cli.shared.events import follow
from durable_research.cli.shared.terminal import as_json, clean, console, say
from durable_research.cli.shared.workflow_view import WorkflowView
from durable_research.domain.wording import ended
from durable_research.domain.workflows.events import AttemptFailed, EventKind
from durable_research.domain.workflows.progress import ProgressEvent
from durable_research.domain.workflows.remedies import remedy_for
from durable_research.domain.workflows.waits import ProviderWait, wait_after

_FRAMES_A_SECOND = 4
_WAIT_LINES_EVERY = timedelta(minutes=1)
Show = Callable[[str, dict[str, Any], ProgressEvent | None], None]


def watch_workflow(
    api: Api, workflow_id: str, *, on_stdout: bool, in_json: bool = False, timeout: float | None = None
) -> WorkflowView:
    """Show a workflow until it has ended, and return it.

    On stdout (JSON lines when piped) when that is the command's data, else on stderr; after `timeout` seconds, exit with
    code 4. The workflow continues without this process, which a message on stderr states.
    """
    workflow = WorkflowView.from_status(api.get(f"/api/workflows/{workflow_id}/status"))
    how_to_continue = f"the run goes on; watch it again with: durable-research watch {workflow_id}"
    try:
        with _display(workflow, on_stdout=on_stdout, in_json=in_json) as show:
            asyncio.run(_follow(api, workflow, show, seconds=timeout))
    except TimeoutError:
        say(f"not done after {timeout:g} s; {how_to_continue}")
        raise click.exceptions.Exit(int(Exit.TIMED_OUT)) from None
    except KeyboardInterrupt:
        say(f"\nstopped watching; {how_to_continue}")
        raise click.exceptions.Exit(int(Exit.INTERRUPTED)) from None
    return workflow


def report_end(api: Api, workflow: WorkflowView) -> None:
    """Print the outcome, and exit with code 1 unless there is a report."""
    from durable_research.cli.shared.views import error_words, resume_words

    outcome = clean(ended(workflow.status))
    if not workflow.is_good:
        say(f"error: the run {outcome}{': ' + error_words(workflow.error) if workflow.error else ''}")
        if remedy := remedy_for(str(workflow.error.get("code", ""))):
            say(f"  what mends it: {remedy.words}")
        if offer := api.get(f"/api/workflows/{workflow.workflow_id}/status").get("resume"):
            say(f"  go on with it: {resume_words(workflow.workflow_id, offer)}")
        say(f"  look at it: durable-research show {workflow.workflow_id}")
        raise click.exceptions.Exit(int(Exit.FAILED))
    page = api.get(f"/api/workflows/{workflow.workflow_id}/status")["page_url"]
    say(f"the run {outcome}: {api.server}{clean(page)}")


async def _follow(api: Api, workflow: WorkflowView, show: Show, *, seconds: float | None) -> None:
    async with asyncio.timeout(seconds), aclosing(follow(api, workflow.workflow_id)) as items:
        async for kind, body in items:
            show(kind, body, workflow.add(kind, body))


@contextlib.contextmanager
def _display(workflow: WorkflowView, *, on_stdout: bool, in_json: bool) -> Iterator[Show]:
    """The action for each event: write JSON, write a line, or only redraw the table."""
    is_terminal = (sys.stdout if on_stdout else sys.stderr).isatty()
    if on_stdout and (in_json or not is_terminal):
        yield _write_json
    elif is_terminal:
        with _live(workflow, on_stdout=on_stdout):
            yield lambda kind, body, event: None
    else:
        yield _Lines().write


def _write_json(kind: str, body: dict[str, Any], event: ProgressEvent | None) -> None:
    if kind != "draft":
        click.echo(as_json(body))


class _Lines:
    """Writes a line for each event; for a wait for a provider only its first poll, one line a minute, and its end."""

    def __init__(self) -> None:
        self._waits: dict[str, ProviderWait] = {}
        self._written: dict[str, datetime] = {}
        self._held: dict[str, ProgressEvent] = {}

    def write(self, kind: str, body: dict[str, Any], event: ProgressEvent | None) -> None:
        """Write the line of this event, or hold it until the next one shows whether it is another poll."""
        from durable_research.cli.shared.views import event_line, wait_line

        if event is None:
            return
        before = self._waits.pop(event.step, None)
        wait = wait_after(before, event.kind, event.at, event.payload)
        if wait:
            self._waits[event.step] = wait
        if before and event.kind is EventKind.ATTEMPT_STARTED:
            self._held[event.step] = event
            return
        held = self._held.pop(event.step, None)
        if wait and isinstance(event.payload, AttemptFailed) and event.payload.is_waiting:
            if before is None or event.at - self._written[event.step] >= _WAIT_LINES_EVERY:
                say(wait_line(event, wait))
                self._written[event.step] = event.at
            return
        for one in filter(None, (held, event)):
            say(event_line(one))


def _live(workflow: WorkflowView, *, on_stdout: bool) -> contextlib.AbstractContextManager[Any]:
    from rich.live import Live

    from durable_research.cli.shared.views import live_view

    return Live(
        get_renderable=lambda: live_view(workflow),
        console=console(stderr=not on_stdout),
        refresh_per_second=_FRAMES_A_SECOND,
        # Notes on stderr are shown above the table, unless the stream is redirected to a file.
        redirect_stdout=sys.stdout.isatty(),
        redirect_stderr=sys.stderr.isatty(),
    )
