"""Ways in which a report fails so that it can be resumed, before, during and after its paid call, and the total cost.

None needs code in the product: the provider refuses, does not answer, stops within a text or is cut off, an operator
terminates the workflow, an approval does not come.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from durable_research.experiments.crash_points import API_OF_CLASS
from durable_research.experiments.evidence.client import ReportRequest
from durable_research.experiments.evidence.quirks import ANY_API, Expected
from durable_research.failpoints.reach import Point

_ALWAYS = 1_000_000
# A call that is cut off or terminated lasts longer than it takes to start a few of them, and to break them all.
_RUNNING = {"latency_seconds": 20.0, "times": _ALWAYS}
# Timeouts that let a report fail within a short run; a process killed later is never down for as long.
SETTINGS = {"PROVIDER_WAIT_SECONDS": "4", "DURABLE_RESEARCH_APPROVAL_EXPIRY": "15"}

# Where the API dies, each at least once.
DEATHS = (Point.RESUME_BEGUN, Point.RESUME_WRITTEN)

_KEYED = frozenset({API_OF_CLASS["K"]})


@dataclass(frozen=True, kw_only=True)
class Failing(Expected):
    """One way to fail. `by` is the cause of the failure; `more` are further fields of the request.

    `billed` counts all its calls, with the one that `resumed` (the body of the resume request) may agree to. A text in that
    body gets the report's own word.
    """

    by: Literal["provider", "network", "operator"] = "provider"
    more: Mapping[str, Any] = field(default_factory=dict)
    resumed: Mapping[str, Any] = field(default_factory=dict)

    def as_request(self, one: ReportRequest) -> ReportRequest:
        """The request of a report that fails in this way."""
        return replace(one, quirk=self, more=self.more)

    def resume_body(self, one: ReportRequest) -> dict[str, Any]:
        """The body of the request that resumes it."""
        return {
            name: value.format(word=one.word) if isinstance(value, str) else value
            for name, value in self.resumed.items()
        }


_EMPTY = Failing(
    name="empty",
    faults=({"fault": "empty", "times": 2},),
    apis=ANY_API - _KEYED,
    first="empty_output",
    billed=3,
    resumed={"accept_charge": True},
)
FAILURES = (
    Failing(name="refused", faults=({"fault": "401", "times": _ALWAYS},), first="model_refused"),
    _EMPTY,
    # The same key returns the same answer, which is billed once.
    replace(_EMPTY, apis=_KEYED, billed=2),
    Failing(name="cut off", faults=(_RUNNING,), first="model_unavailable", by="network"),
    Failing(name="terminated", faults=(_RUNNING,), first="engine_terminated", by="operator"),
    Failing(name="not approved", faults=(), first="approval_expired", more={"approval": "before_pdf"}),
    Failing(
        name="stopped",
        faults=({"quirk": "unknown_reason", "times": _ALWAYS},),
        first="model_stopped",
        resumed={"text": "# About {word}\n\nCorrected by a person."},
    ),
)


def failing_for(number: int, api: str) -> Failing:
    """How the report of this number fails: all ways of this API are equally frequent."""
    candidates = [one for one in FAILURES if api in one.apis]
    return candidates[number % len(candidates)]


def rule(reports: int) -> str:
    """The value of `DURABLE_RESEARCH_FAILPOINTS` that kills the API during a resume: a few times in a row at each point."""
    more = reports // 50
    begun, written = 1 + reports // 4, 1 + reports // 2
    return f"{DEATHS[0]}=kill@{begun}-{begun + more},{DEATHS[1]}=kill@{written}-{written + more}"
