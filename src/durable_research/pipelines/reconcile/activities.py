"""One pass over what a crash, an outage or an operator may have left open between our tables and the engine."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from temporalio import activity

from durable_research import policies
from durable_research.descriptor import StoresLate
from durable_research.domain.errors import InfrastructureDown
from durable_research.domain.ledger.unresolved_sends import Provider, UnresolvedSend
from durable_research.domain.workflows.progress import closing_of
from durable_research.domain.workflows.workflow import RESUMABLE, Kind, Status, kind_of
from durable_research.pipelines.reconcile import pipeline
from durable_research.pipelines.reconcile.messages import Reconciled
from durable_research.ports.clock import Clock
from durable_research.ports.database.ledger import Effects
from durable_research.ports.database.progress import ProgressLog
from durable_research.ports.database.workflows import Page, WorkflowRow, WorkflowsToReconcile
from durable_research.ports.engine.engine import WorkflowEngine
from durable_research.ports.objects import NamedObjects, ObjectStore, StoredObject
from durable_research.ports.vendors.remote import EarlierSend

_ENDED_BEHIND_OUR_BACK = {
    "terminated": Status.TERMINATED,
    "timed_out": Status.FAILED,
    "failed": Status.FAILED,
    "canceled": Status.CANCELLED,
}

StartWorkflow = Callable[[WorkflowRow], Awaitable[None]]
FindAll = Callable[[EarlierSend], Awaitable[list[str]]]
Thing = TypeVar("Thing", WorkflowRow, UnresolvedSend)
StopSpending = Callable[[str], Awaitable[None]]


class Walks:
    """Walks over rows, a page in a pass: thousands that wait rightly, or cannot be put right, must not hide the others.

    Each worker process walks for itself, as for orphans.
    """

    def __init__(self) -> None:
        self._after: dict[str, str] = {}

    async def next(self, walk: str, find: Callable[[Page], Awaitable[Sequence[WorkflowRow]]]) -> Sequence[WorkflowRow]:
        """The page after the last one; after the end it begins anew."""
        page = Page(self._after.get(walk, ""), pipeline.ROWS_A_PASS)
        rows = await find(page)
        self._after[walk] = rows[-1].workflow_id if len(rows) == page.limit else ""
        return rows


@dataclass
class ReconcileActivities:
    """`start` gives a row to the engine; `late` are the activities of the kinds whose rows can be stored late.

    `stop_spending` cancels what a workflow that ended behind our back left running at the provider. `find_all` asks a
    provider, by its name and class, for every send of ours under a key. `embed_missing` makes finished texts findable.
    Workflows of `resumable` kinds can be gone on with after a failure.
    """

    workflows: WorkflowsToReconcile
    progress: ProgressLog
    engine: WorkflowEngine
    ledger: Effects
    start: StartWorkflow
    late: Mapping[Kind, StoresLate]
    stop_spending: StopSpending
    find_all: Mapping[Provider, FindAll]
    orphans: "Orphans"
    embed_missing: Callable[[], Awaitable[int]]
    longest_call: timedelta = timedelta(seconds=policies.CALL_DEADLINES.longest)
    resumable: frozenset[Kind] = frozenset()
    _walks: Walks = field(default_factory=Walks, init=False)

    @activity.defn(name="reconcile")
    async def reconcile(self) -> Reconciled:
        """Start, cancel, close, store and remove what is due; each of it is safe to repeat."""
        return Reconciled(
            started=await self._start_accepted(),
            cancelled=await self._pass_on_cancels(),
            closed=await self._close_ended(),
            stored=await self._store_partly_done(),
            strays=await self._look_up_unresolved(),
            left_behind=await self.ledger.close_left_behind(policies.LOOK_UP_UNRESOLVED_AFTER),
            orphans=await self.orphans.collect(),
            embedded=await self.embed_missing(),
        )

    async def _start_accepted(self) -> int:
        due = partial(self.workflows.unstarted, pipeline.ACCEPTED_LONG_AGO)
        return await self._each(await self._walks.next("unstarted", due), self._start_one)

    async def _start_one(self, row: WorkflowRow) -> bool:
        await self.start(row)
        return True

    async def _pass_on_cancels(self) -> int:
        due = partial(self.workflows.unheard_cancels, pipeline.ACCEPTED_LONG_AGO)
        return await self._each(await self._walks.next("unheard_cancels", due), self._cancel_one)

    async def _cancel_one(self, row: WorkflowRow) -> bool:
        return await self.engine.cancel(row.workflow_id, row.resumption)

    async def _close_ended(self) -> int:
        due = partial(self.workflows.unended, pipeline.SILENT_LONG)
        return await self._each(await self._walks.next("unended", due), self._close_one)

    async def _close_one(self, row: WorkflowRow) -> bool:
        view = await self.engine.describe(row.workflow_id)
        # The engine lost it, or what it knows ended before a person resumed it: drive it again; settled effects come back
        # without a charge.
        if view is None or view.resumption != row.resumption:
            await self.start(row)
            return False
        status = _ENDED_BEHIND_OUR_BACK.get(view.status)
        if status is None:
            return False
        if await self._close_finished(row):
            return True
        words = f"the workflow was {view.status.replace('_', ' ')} outside this app"
        if status not in RESUMABLE or row.kind not in self.resumable:
            # What may be resumed is not stopped: its answer is paid for, and asked about then.
            await self.stop_spending(row.workflow_id)
        error = {"code": f"engine_{view.status}", "detail": words}
        await self.progress.close(row.workflow_id, status, {"error": error}, row.resumption)
        return True

    async def _close_finished(self, row: WorkflowRow) -> bool:
        """Close as done what was ended when its row was stored already: that is what finishes it."""
        late = self.late.get(row.kind)
        data = await late.finished_outside(row) if late else None
        if data is None:
            return False
        await self.progress.close(row.workflow_id, Status.DONE, data, row.resumption)
        return True

    async def _store_partly_done(self) -> int:
        return await self._each(await self._walks.next("partly_done", self.workflows.partly_done), self._store_one)

    async def _store_one(self, row: WorkflowRow) -> bool:
        events = await self.progress.read(row.workflow_id)
        late = self.late.get(row.kind)
        if late is None or not await late.store_late(closing_of(events)):
            return False
        await self.progress.close(row.workflow_id, Status.DONE, {}, row.resumption)
        return True

    async def _look_up_unresolved(self) -> int:
        """Ask once more about sends that came to nothing: a sender that slept may have sent after all."""
        providers = list(self.find_all)
        unresolved_sends = await self.ledger.unresolved_sends(
            providers, policies.LOOK_UP_UNRESOLVED_AFTER, self.longest_call
        )
        return await self._each(unresolved_sends, self._look_up_one)

    async def _look_up_one(self, unresolved: UnresolvedSend) -> bool:
        shown = await self.find_all[unresolved.provider](
            EarlierSend(unresolved.key, unresolved.send.handle, unresolved.send.opened_at)
        )
        stray = unresolved.late_send_among(shown)
        await self.ledger.resolve_send(unresolved, stray)
        return stray is not None

    async def _each(self, things: Sequence[Thing], put_right: Callable[[Thing], Awaitable[bool]]) -> int:
        """Put each thing right; one that cannot be must not keep the others waiting. Without our own parts, nothing can."""
        done = 0
        for thing in things:
            try:
                done += await put_right(thing)
            except InfrastructureDown:
                raise
            except Exception as error:
                name = thing.workflow_id if isinstance(thing, WorkflowRow) else thing.key
                activity.logger.warning("could not put %s right: %s", name, type(error).__name__)
        return done


class Orphans:
    """Removes objects that no row names, a page of the store in a pass.

    A walk over the store goes on from pass to pass; the next begins an hour after it began, also when it was broken off. Each
    worker process walks for itself: a walk that all share would need a row of its own, and removing twice is no error.
    """

    def __init__(self, objects: ObjectStore, named: NamedObjects, now: Clock) -> None:
        self._objects = objects
        self._named = named
        self._now = now
        self._walk: AsyncIterator[StoredObject] | None = None
        self._began: datetime | None = None

    async def collect(self) -> int:
        """Look at the next page and return how many objects were removed; a store that is away is looked at later."""
        if self._walk is None:
            if self._began is not None and self._now() - self._began < pipeline.LOOK_FOR_ORPHANS_EVERY:
                return 0
            self._walk, self._began = self._objects.list(), self._now()
        try:
            return await self._remove(await self._next_page(self._walk))
        except InfrastructureDown as error:
            # Nobody waits for this, and the rest of the pass needs no object store.
            activity.logger.warning("could not look for orphans: %s", error.detail)
            self._walk = None
            return 0

    async def _next_page(self, walk: AsyncIterator[StoredObject]) -> list[StoredObject]:
        page: list[StoredObject] = []
        async for one in walk:
            page.append(one)
            if len(page) == pipeline.OBJECTS_A_PASS:
                return page
        self._walk = None
        return page

    async def _remove(self, page: Sequence[StoredObject]) -> int:
        oldest_kept = self._now() - pipeline.ORPHAN_AGE
        workflow_of = {one.key: _workflow_of(one.key) for one in page if one.last_modified < oldest_kept}
        ours = {key: workflow_id for key, workflow_id in workflow_of.items() if workflow_id is not None}
        orphans = await self._named.orphans(ours, pipeline.ORPHAN_AGE) if ours else set()
        for key in sorted(orphans):
            await self._objects.delete(key)
        return len(orphans)


def _workflow_of(key: str) -> str | None:
    """The workflow that the key's folder names; None for what is not laid out like ours, which is never touched."""
    parts = key.split("/")
    return parts[1] if len(parts) == 3 and kind_of(parts[1]) else None
