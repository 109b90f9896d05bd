"""Watching a run to its end: a live table on a terminal, lines elsewhere; shared by `watch` and `submit --wait`."""

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
from durable_research.cli.shared.workflow_view import Run
from durable_research.domain.wording import ended
from durable_research.domain.workflows.events import AttemptFailed, EventKind
from durable_research.domain.workflows.progress import ProgressEvent
from durable_research.domain.workflows.remedies import remedy_for
from durable_research.domain.workflows.waits import ProviderWait, wait_after

_FRAMES_A_SECOND = 4
_WAIT_LINES_EVERY = timedelta(minutes=1)
Show = Callable[[str, dict[str, Any], ProgressEvent | None], None]


def watch_run(
    api: Api, workflow_id: str, *, on_stdout: bool, in_json: bool = False, timeout: float | None = None
) -> Run:
    """Show a run until it has ended, and return it.

    On stdout (JSON lines when piped) when that is the verb's data, else on stderr; `timeout` in seconds leaves with exit
    code 4. The run itself goes on whatever happens to us, and we say so.
    """
    run = Run.from_status(api.get(f"/api/workflows/{workflow_id}/status"))
    again = f"the run goes on; watch it again with: durable-research watch {workflow_id}"
    try:
        with _display(run, on_stdout=on_stdout, in_json=in_json) as show:
            asyncio.run(_follow(api, run, show, seconds=timeout))
    except TimeoutError:
        say(f"not done after {timeout:g} s; {again}")
        raise click.exceptions.Exit(int(Exit.TIMED_OUT)) from None
    except KeyboardInterrupt:
        say(f"\nstopped watching; {again}")
        raise click.exceptions.Exit(int(Exit.INTERRUPTED)) from None
    return run


def tell_end(api: Api, run: Run) -> None:
    """Say how it ended, and leave with exit code 1 unless there is a report."""
    from durable_research.cli.shared.views import error_words, resume_words

    end = clean(ended(run.status))
    if not run.is_good:
        say(f"error: the run {end}{': ' + error_words(run.error) if run.error else ''}")
        if remedy := remedy_for(str(run.error.get("code", ""))):
            say(f"  what mends it: {remedy.words}")
        if offer := api.get(f"/api/workflows/{run.workflow_id}/status").get("resume"):
            say(f"  go on with it: {resume_words(run.workflow_id, offer)}")
        say(f"  look at it: durable-research show {run.workflow_id}")
        raise click.exceptions.Exit(int(Exit.FAILED))
    page = api.get(f"/api/workflows/{run.workflow_id}/status")["page_url"]
    say(f"the run {end}: {api.server}{clean(page)}")


async def _follow(api: Api, run: Run, show: Show, *, seconds: float | None) -> None:
    async with asyncio.timeout(seconds), aclosing(follow(api, run.workflow_id)) as arrivals:
        async for kind, body in arrivals:
            show(kind, body, run.take(kind, body))


@contextlib.contextmanager
def _display(run: Run, *, on_stdout: bool, in_json: bool) -> Iterator[Show]:
    """What is done with each arrival: write JSON, write words, or just redraw the table."""
    is_terminal = (sys.stdout if on_stdout else sys.stderr).isatty()
    if on_stdout and (in_json or not is_terminal):
        yield _write_json
    elif is_terminal:
        with _live(run, on_stdout=on_stdout):
            yield lambda kind, body, event: None
    else:
        yield _Words().write


def _write_json(kind: str, body: dict[str, Any], event: ProgressEvent | None) -> None:
    if kind != "draft":
        click.echo(as_json(body))


class _Words:
    """Writes a line for each event, but of a wait for a provider its first look, one line a minute, and its end."""

    def __init__(self) -> None:
        self._waits: dict[str, ProviderWait] = {}
        self._written: dict[str, datetime] = {}
        self._held: dict[str, ProgressEvent] = {}

    def write(self, kind: str, body: dict[str, Any], event: ProgressEvent | None) -> None:
        """Write what this arrival says, or keep it until it is known whether it is one more look."""
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


def _live(run: Run, *, on_stdout: bool) -> contextlib.AbstractContextManager[Any]:
    from rich.live import Live

    from durable_research.cli.shared.views import live_view

    return Live(
        get_renderable=lambda: live_view(run),
        console=console(stderr=not on_stdout),
        refresh_per_second=_FRAMES_A_SECOND,
        # Notes on stderr go above the table, but a stream that was sent to a file stays there.
        redirect_stdout=sys.stdout.isatty(),
        redirect_stderr=sys.stderr.isatty(),
    )
