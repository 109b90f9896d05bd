"""What an unfinished workflow waits for, when that is not its own work."""

from collections.abc import Sequence
from datetime import datetime

from durable_research.catalogue import step_label
from durable_research.domain.workflows.progress import ProgressEvent
from durable_research.domain.workflows.waits import ProviderWait, provider_wait
from durable_research.domain.workflows.workflow import Status
from durable_research.operations.reading.bodies import WaitsForBody
from durable_research.operations.reading.pending_decisions import OpenApproval, OpenQuestion
from durable_research.ports.database.workflows import WorkflowRow


def waits_for(
    row: WorkflowRow,
    live: int,
    asked: OpenQuestion | OpenApproval | None,
    events: Sequence[ProgressEvent],
    *,
    reachable: bool,
) -> WaitsForBody | None:
    """What it waits for in words (`what`), and for a provider: `since`, `until`, how many `looks`, and the `last_error`."""
    if row.status.is_final:
        return None
    wait = provider_wait(events)
    if wait and not asked and reachable and live:
        return {"what": _of_provider(*wait), **wait[1].as_json()}
    words = _words(row, live, asked, events[0], reachable=reachable)
    return {"what": words, "since": None, "until": None, "looks": 0, "last_error": None} if words else None


def _of_provider(step: str, wait: ProviderWait) -> str:
    return f"“{step_label(step)}” {wait.words}: {wait.last_error['detail']}"


def _words(
    row: WorkflowRow,
    live: int,
    asked: OpenQuestion | OpenApproval | None,
    accepted: ProgressEvent,
    *,
    reachable: bool,
) -> str | None:
    if asked:
        return asked.words
    if row.status is Status.SLEEPING:
        return f"it begins at {datetime.fromisoformat(accepted.data['begins_at']):%Y-%m-%d %H:%M:%S} UTC"
    if not reachable:
        return "Temporal does not answer; the work goes on by itself when it is back"
    if not live:
        return "no worker is running; the work starts or goes on by itself when one does (durable-research worker)"
    return None
