"""The messages of a schedule's firing. The request lies in the schedule's arguments, encrypted like every payload."""

from typing import Any

from durable_research.domain.values import Value


class AcceptScheduledReport(Value):
    """The input of a schedule's firings: the report's tenant, the request as the API would get it, and the rhythm."""

    tenant: str
    request: dict[str, Any]
    # Older schedules leave these two empty, and none of their firings is left out.
    every: str = ""
    timezone: str = "UTC"


class Firing(Value):
    """One firing. `firing_id` is made from the schedule's id and the due time, so it is the same in every try."""

    firing_id: str
    tenant: str
    request: dict[str, Any]
    every: str = ""
    timezone: str = "UTC"


class AcceptedReport(Value):
    """The report that a firing requested; None when the clocks skip its due time."""

    report_id: str | None
