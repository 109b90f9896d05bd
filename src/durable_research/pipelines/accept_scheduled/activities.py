"""Accepting a report as the API does, once for each firing."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from temporalio import activity

from durable_research.domain.schedules.clock_changes import is_left_out
from durable_research.pipelines.accept_scheduled.messages import AcceptedReport, Firing

# Accepts the firing's report, or finds the report that an earlier try accepted, and returns its id.
AcceptOnce = Callable[[Firing], Awaitable[str]]


@dataclass
class AcceptScheduledActivities:
    """Bootstrap passes `accept_once`: accepting is an operation, which a pipeline may not import."""

    accept_once: AcceptOnce

    @activity.defn(name="accept_scheduled")
    async def accept_scheduled(self, firing: Firing) -> AcceptedReport:
        """Accept the report; a retry finds the same one."""
        if is_left_out(firing.firing_id, firing.every, firing.timezone):
            return AcceptedReport(report_id=None)
        return AcceptedReport(report_id=await self.accept_once(firing))
