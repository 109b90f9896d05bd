"""What crosses Temporal when a schedule fires. The request lies in the schedule's arguments, sealed like every payload."""

from typing import Any

from durable_research.domain.values import Value


class AcceptScheduledReport(Value):
    """What a schedule gives to each of its firings: whose report, the request as an API would get it, and when it is asked."""

    tenant: str
    request: dict[str, Any]
    # Schedules of before say nothing here, and none of their firings is left out.
    every: str = ""
    timezone: str = "UTC"


class Firing(Value):
    """One firing. `firing_id` is made of the schedule's id and the time that it was due, so it is the same in every try."""

    firing_id: str
    tenant: str
    request: dict[str, Any]
    every: str = ""
    timezone: str = "UTC"


class AcceptedReport(Value):
    """The report that a firing asked for; none when clocks skip the time at which it was due."""

    report_id: str | None
