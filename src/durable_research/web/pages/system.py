"""The operators' page: what runs, what waits, and what is away."""

from dataclasses import dataclass

from quart import Response, request

from durable_research.catalogue import page_of, runs_workflows
from durable_research.operations.facade import Operations
from durable_research.operations.reading.system import SystemState
from durable_research.ports.database.overview import WorkState
from durable_research.web.http import requests
from durable_research.web.pages.shell import page

# Each state's heading, what its time is of, and what its detail is.
_WORK = {
    WorkState.WAITING: ("Waiting for a person", "since", "last error"),
    WorkState.RETRYING: ("Retrying", "accepted", "last error"),
    WorkState.NOT_STARTED: ("Accepted, not started", "accepted", ""),
    WorkState.UNRESOLVED: ("Sends whose outcome is unknown", "sent", "step"),
}

# What each pass of reconciliation does, by its recorded name.
PASSES = {
    "started": "Started what was accepted",
    "cancelled": "Forwarded requests to cancel",
    "closed": "Closed what had ended in Temporal",
    "stored": "Stored what was partly done",
    "strays": "Looked up sends without an answer",
    "left_behind": "Closed sends that were left open",
    "orphans": "Removed objects that no row names",
    "embedded": "Embedded finished texts",
}


@dataclass(frozen=True)
class SystemPages:
    """The one page."""

    operations: Operations

    async def system(self) -> Response:
        """It works with every dependency away, and says so."""
        state = await self.operations.system.read(requests.caller_of(request))
        return await page(
            self.operations,
            "system.html",
            workers=state.live_workers,
            is_read=True,
            state=state,
            work=_WORK,
            passes=PASSES,
            page_of=page_of,
            runs_workflows=runs_workflows,
            findings=_findings(state),
        )


def _findings(state: SystemState) -> list[str]:
    """What an operator should look at first, as sentences."""
    found = [f"{one.name.capitalize()}: {one.problem}." for one in state.dependencies if one.problem]
    parts = (state.workers, state.queues, state.work, state.database, state.engine, state.reconciliation)
    if not found and any(part.problem for part in parts):
        found.append("Not every part could be read just now: refresh the page.")
    dead = [one.worker.name for one in state.workers.found if not one.live]
    live = {one.worker.name for one in state.workers.found if one.live}
    if state.live_workers == 0:
        found.append("No worker is live: what is accepted waits until one is.")
    # A worker's next start has its name again; then its death is past.
    found += [f"Worker {name} died and has not come back." for name in sorted(set(dead) - live)]
    builds = {one.worker.build for one in state.workers.found if one.live} - {""}
    if builds - {state.build}:
        found.append("Not every worker runs the same code as this API.")
    versions = state.database.found
    if versions and versions.schema != versions.newest_schema:
        found.append(f"The database's schema is {versions.schema}, and this code's newest is {versions.newest_schema}.")
    return found
