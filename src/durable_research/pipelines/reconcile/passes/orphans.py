"""Removing objects that no row names."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import ClassVar

from temporalio import activity

from durable_research.domain.documents.object_keys import workflow_of
from durable_research.domain.errors import InfrastructureDown
from durable_research.domain.workflows.workflow import kind_of
from durable_research.pipelines.reconcile import pipeline
from durable_research.pipelines.reconcile.messages import PassOutcome
from durable_research.ports.clock import Clock
from durable_research.ports.objects import NamedObjects, ObjectStore, StoredObject
from durable_research.telemetry.meter import NO_METER, Meter
from durable_research.telemetry.metrics import OBJECTS_COLLECTED


class Orphans:
    """Removes objects that no row names, a page of the store in a pass.

    A walk over the store continues from pass to pass; the next begins an hour after it began, also when an outage ended it.
    Each worker process has its own walk: a shared one would need a row of its own, and removing twice is no error.
    """

    name: ClassVar = "orphans"
    deadline: ClassVar = pipeline.ORPHANS_DEADLINE

    def __init__(self, objects: ObjectStore, named: NamedObjects, now: Clock, meter: Meter = NO_METER) -> None:
        self._objects = objects
        self._named = named
        self._now = now
        self._meter = meter
        self._walk: AsyncIterator[StoredObject] | None = None
        self._began: datetime | None = None

    async def run(self) -> PassOutcome:
        return PassOutcome(done=await self.collect())

    async def collect(self) -> int:
        """Check the next page and return how many objects were removed; while the store is away, nothing is checked."""
        if self._walk is None:
            if self._began is not None and self._now() - self._began < pipeline.FIND_ORPHANS_EVERY:
                return 0
            self._walk, self._began = self._objects.list(), self._now()
        try:
            return await self._remove(await self._next_page(self._walk))
        except InfrastructureDown as error:
            # No person waits for this, so it is no reason to repeat the other passes.
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
        removed_before = self._now() - pipeline.ORPHAN_AGE
        found = {one.key: workflow_of(one.key) for one in page if one.last_modified < removed_before}
        # Objects whose keys do not have our layout are never touched.
        of_workflows = {key: workflow_id for key, workflow_id in found.items() if workflow_id and kind_of(workflow_id)}
        orphans = await self._named.orphans(of_workflows, pipeline.ORPHAN_AGE) if of_workflows else set()
        for key in sorted(orphans):
            await self._objects.delete(key)
            self._meter.count(OBJECTS_COLLECTED)
        return len(orphans)
