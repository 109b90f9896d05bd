"""What crosses Temporal when a schedule fires. The request lies in the schedule's arguments, sealed like every payload."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class AcceptScheduledReport(BaseModel):
    """What a schedule gives to each of its firings: whose report, the request as an API would get it, and when it is asked."""

    model_config = ConfigDict(frozen=True)

    tenant: str
    request: dict[str, Any]
    # Schedules of before say nothing here, and none of their firings is left out.
    every: str = ""
    timezone: str = "UTC"


class Firing(BaseModel):
    """One firing. `firing_id` is made of the schedule's id and the time that it was due, so it is the same in every try."""

    model_config = ConfigDict(frozen=True)

    firing_id: str
    tenant: str
    request: dict[str, Any]
    every: str = ""
    timezone: str = "UTC"


class AcceptedReport(BaseModel):
    """The report that a firing asked for; none when clocks skip the time at which it was due."""

    model_config = ConfigDict(frozen=True)

    report_id: str | None
