"""The reason why an unfinished workflow waits: a person, its begin, the engine, a worker or a provider."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from durable_research.catalogue import step_label
from durable_research.domain.workflows.progress import ProgressEvent
from durable_research.domain.workflows.waits import ProviderWait, provider_wait
from durable_research.domain.workflows.workflow import Status
from durable_research.operations.reading.pending_decisions import PendingDecision
from durable_research.ports.database.workflows import WorkflowRow


@dataclass(frozen=True)
class WaitsFor:
    """The reason in words; when it waits for a provider, that wait too."""

    words: str
    provider: ProviderWait | None = None


def waits_for(
    row: WorkflowRow,
    live: int,
    pending: PendingDecision | None,
    events: Sequence[ProgressEvent],
    *,
    reachable: bool,
) -> WaitsFor | None:
    """What it waits for now; None when it has ended or is at work."""
    if row.status.is_final:
        return None
    wait = provider_wait(events)
    if wait and not pending and reachable and live:
        return WaitsFor(_of_provider(*wait), wait[1])
    words = _words(row, live, pending, events[0], reachable=reachable)
    return WaitsFor(words) if words else None


def _of_provider(step: str, wait: ProviderWait) -> str:
    return f"“{step_label(step)}” {wait.words}: {wait.last_error['detail']}"


def _words(
    row: WorkflowRow,
    live: int,
    pending: PendingDecision | None,
    accepted: ProgressEvent,
    *,
    reachable: bool,
) -> str | None:
    if pending:
        return pending.words
    if row.status is Status.SLEEPING:
        return f"it begins at {datetime.fromisoformat(accepted.data['begins_at']):%Y-%m-%d %H:%M:%S} UTC"
    if not reachable:
        return "Temporal does not answer; the work goes on by itself when it is back"
    if not live:
        return "no worker is running; the work starts or goes on by itself when one does (durable-research worker)"
    return None
