"""Ways in which a report fails so that it can be resumed, before, amid and after its paid call, and what it costs in all.

Nothing of it needs code of the product: the provider refuses, answers nothing, stops amid a text or is cut off, an operator
terminates, a person does not answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from durable_research.experiments.crash_points import API_OF_CLASS
from durable_research.experiments.evidence.client import Asked
from durable_research.experiments.evidence.quirks import ANY_API, Expected
from durable_research.failpoints.reach import Point

_ALWAYS = 1_000_000
# A call that is cut off or terminated lasts longer than it takes to have a few of them running, and to break them all.
_RUNNING = {"latency_seconds": 20.0, "times": _ALWAYS}
# Times in which a report fails while a person looks on; nothing that is killed later is away for as long.
SETTINGS = {"PROVIDER_WAIT_SECONDS": "4", "DURABLE_RESEARCH_APPROVAL_EXPIRY": "15"}

# Where the API dies, each at least once.
DEATHS = (Point.RESUME_BEGUN, Point.RESUME_WRITTEN)

_KEYED = frozenset({API_OF_CLASS["K"]})


@dataclass(frozen=True, kw_only=True)
class Failing(Expected):
    """`by` is whoever has it fail; `more` is asked for with it.

    `billed` are all its calls, with the one that `resumed` (what is posted to resume it) may agree to. A text in that is given
    the report's own word.
    """

    by: Literal["provider", "network", "operator"] = "provider"
    more: Mapping[str, Any] = field(default_factory=dict)
    resumed: Mapping[str, Any] = field(default_factory=dict)

    def asked_as(self, one: Asked) -> Asked:
        """The request of a report that will fail so."""
        return replace(one, quirk=self, more=self.more)

    def resumed_as(self, one: Asked) -> dict[str, Any]:
        """What is posted to resume it."""
        return {
            name: value.format(word=one.word) if isinstance(value, str) else value
            for name, value in self.resumed.items()
        }


_EMPTY = Failing(
    name="empty",
    reported=({"fault": "empty", "times": 2},),
    apis=ANY_API - _KEYED,
    first="empty_output",
    billed=3,
    resumed={"accept_charge": True},
)
WAYS = (
    Failing(name="refused", reported=({"fault": "401", "times": _ALWAYS},), first="model_refused"),
    _EMPTY,
    # The same key brings the same answer, which is billed once.
    replace(_EMPTY, apis=_KEYED, billed=2),
    Failing(name="cut off", reported=(_RUNNING,), first="model_unavailable", by="network"),
    Failing(name="terminated", reported=(_RUNNING,), first="engine_terminated", by="operator"),
    Failing(name="not approved", reported=(), first="approval_expired", more={"approval": "before_pdf"}),
    Failing(
        name="stopped",
        reported=({"quirk": "unknown_reason", "times": _ALWAYS},),
        first="model_stopped",
        resumed={"text": "# About {word}\n\nCorrected by a person."},
    ),
)


def way_of(number: int, api: str) -> Failing:
    """How the report of this number fails: each way that this API has as often as the others."""
    fitting = [one for one in WAYS if api in one.apis]
    return fitting[number % len(fitting)]


def rule(reports: int) -> str:
    """Where the API dies amid resuming, as `DURABLE_RESEARCH_FAILPOINTS` says it: a few times in a row each."""
    more = reports // 50
    begun, written = 1 + reports // 4, 1 + reports // 2
    return f"{DEATHS[0]}=kill@{begun}-{begun + more},{DEATHS[1]}=kill@{written}-{written + more}"
