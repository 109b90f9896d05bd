"""What the table says of a metric: its kind, its labels, and which processes export it. Standard library only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

OTHER = "other"


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
    QUEUE = "queue"
    TASK_TYPE = "task_type"
    MODEL = "model"
    ROUTE = "route"


Values = tuple[str, ...] | Vocabulary


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
