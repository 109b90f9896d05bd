"""The table of our own metrics: name, kind, labels, unit and meaning of each, once. Standard library only.

`telemetry/registry.py` makes Prometheus' objects of it; `telemetry/meter.py` is what code that measures sees. Names keep to
Prometheus' conventions: base units, `_total` for counters. Two counters are the SDK's, since workflow code may count by
nothing else: the SDK counts no replay. The SDK's own metrics are called `temporal_...`.

Every label has a closed set of values, so that the number of series cannot grow: another value is counted as `OTHER`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

OTHER = "other"
PREFIX = "durable_research_"


class MetricKind(StrEnum):
    """The kind of a metric, as Prometheus names it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Role(StrEnum):
    """The process that exports a metric."""

    API = "api"
    WORKER = "worker"


class Vocabulary(StrEnum):
    """A label's values that are listed elsewhere; a registry is built with them."""

    WORKFLOW_KIND = "workflow_kind"
    STEP = "step"
    UNDO = "undo"
    ERROR_CODE = "error_code"
    EFFECT_KIND = "effect_kind"
    PROVIDER_CLASS = "provider_class"
    MODEL = "model"
    ROUTE = "route"


class AttemptOutcome(StrEnum):
    """How an attempt at a step ended."""

    COMPLETED = "completed"
    FAILED = "failed"  # for the last time
    RETRIED = "retried"  # it failed, and another attempt follows
    WAITING = "waiting"  # its provider is busy or away, and is asked again later
    LOST = "lost"  # its worker died or hung
    HANDED_BACK = "handed_back"  # its worker drained
    CANCELLED = "cancelled"


class EffectOutcome(StrEnum):
    """What became of a send, or of the attempt to send."""

    SENT = "sent"
    SETTLED = "settled"
    REFUSED = "refused"  # not accepted
    REATTACHED = "reattached"  # an earlier send was taken up instead of sending
    UNKNOWN = "unknown"  # it brought no answer, and may have been accepted
    SPENT = "spent"  # charged, and its answer was of no use
    SENT_AGAIN = "sent_again"  # sent besides an unresolved send, which may be charged too
    LATE_DUPLICATE = "late_duplicate"  # accepted when nobody needed it any more


class CompensationOutcome(StrEnum):
    """How an attempt at an undo ended."""

    COMPLETED = "completed"
    RETRIED = "retried"
    FAILED = "failed"  # a person is asked


class Direction(StrEnum):
    """Of tokens."""

    INPUT = "input"
    OUTPUT = "output"


class WaitOutcome(StrEnum):
    """How a wait for a provider ended."""

    ANSWERED = "answered"
    GIVEN_UP = "given_up"


Values = tuple[str, ...] | Vocabulary
_ENDINGS = ("done", "partly_done", "failed", "cancelled", "terminated")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_STATUSES = tuple(
    str(status)
    for status in (
        200, 201, 202, 204, 206, 303, 304, 400, 403, 404, 405, 406, 408, 409, 411, 413, 414, 415, 416, 422, 429, 431, 500, 503,
    )
)  # fmt: skip
_API = frozenset({Role.API})
_WORKER = frozenset({Role.WORKER})
_BOTH = frozenset(Role)

# Steps take from milliseconds (a row is stored) to an hour and more (a model is busy).
_STEP_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200)
# Around the promise of ten minutes, which needs edges close to it.
_REPORT_BUCKETS = (1, 5, 15, 30, 60, 120, 300, 450, 600, 900, 1800, 3600, 7200, 21600, 86400)
# A dead worker is noticed after three seconds, and its step goes on within five.
_TAKE_OVER_BUCKETS = (1, 2, 3, 4, 5, 6, 8, 10, 15, 30, 60, 300, 1800)
_HTTP_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


@dataclass(frozen=True)
class Metric:
    """One metric; `help` says what it counts or measures. `of_sdk`: it is made by the SDK's meter."""

    name: str
    kind: MetricKind
    help: str
    roles: frozenset[Role]
    labels: Mapping[str, Values] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()
    of_sdk: bool = False

    @property
    def sdk_name(self) -> str:
        """The name that the SDK's meter is given: its endpoint appends `_total`."""
        return self.name.removesuffix("_total")

    def __hash__(self) -> int:
        return hash(self.name)


def _counter(name: str, help_: str, roles: frozenset[Role], **labels: Values) -> Metric:
    return Metric(f"{PREFIX}{name}_total", MetricKind.COUNTER, help_, roles, labels)


def _gauge(name: str, help_: str, roles: frozenset[Role], **labels: Values) -> Metric:
    return Metric(f"{PREFIX}{name}", MetricKind.GAUGE, help_, roles, labels)


def _histogram(name: str, help_: str, roles: frozenset[Role], buckets: tuple[float, ...], **labels: Values) -> Metric:
    return Metric(f"{PREFIX}{name}_seconds", MetricKind.HISTOGRAM, help_, roles, labels, buckets)


def _of_sdk(name: str, help_: str, **labels: Values) -> Metric:
    return Metric(f"{name}_total", MetricKind.COUNTER, help_, _WORKER, labels, of_sdk=True)


WORKFLOWS_COMPLETED = _of_sdk("ai_workflows_completed", "workflows that reached their end with a result")
ACTIVITIES_EXECUTED = _of_sdk(
    "ai_activities_executed", "attempts of steps that succeeded, by activity", activity=Vocabulary.STEP
)
SDK_METRICS_UP = _gauge(
    "sdk_metrics_up", "whether the metrics of Temporal's SDK could be read for this answer", _WORKER
)

METRICS = (WORKFLOWS_COMPLETED, ACTIVITIES_EXECUTED, SDK_METRICS_UP)
