"""The metrics of one process: Prometheus' objects, made of the table for a role, and their text."""

import math
from collections.abc import Collection, Iterable, Mapping
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.process_collector import ProcessCollector

from durable_research.telemetry.metric import OTHER, Metric, MetricKind, Role, Vocabulary
from durable_research.telemetry.metrics import METRICS

Vocabularies = Mapping[Vocabulary, Collection[str]]

# A counter of so few series is exported from the beginning, as zeros: without them the first failure of a kind would be no
# increase, and no alert on an increase would fire.
_FEW_SERIES = 120

# A second family for each counter and histogram, which nobody here reads.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's only untyped function


class Registry:
    """The metrics of a process of this role; the `Meter` of all code that measures in it.

    `vocabularies` are the values of labels that the table leaves open; they may be filled until something is measured.
    """

    def __init__(self, role: Role, vocabularies: Vocabularies, metrics: Iterable[Metric] = METRICS) -> None:
        self._registry = CollectorRegistry()
        self._values: dict[Metric, dict[str, Collection[str]]] = {}
        self._counters: dict[Metric, Counter] = {}
        self._gauges: dict[Metric, Gauge] = {}
        self._histograms: dict[Metric, Histogram] = {}
        ProcessCollector(registry=self._registry)
        for metric in metrics:
            if role in metric.roles and not metric.of_sdk:
                self._add(metric, vocabularies)

    def _add(self, metric: Metric, vocabularies: Vocabularies) -> None:
        self._values[metric] = {
            label: vocabularies[values] if isinstance(values, Vocabulary) else frozenset(values)
            for label, values in metric.labels.items()
        }
        labels = tuple(metric.labels)
        match metric.kind:
            case MetricKind.COUNTER:
                self._counters[metric] = Counter(metric.name, metric.help, labels, registry=self._registry)
                self._begin_at_zero(metric)
            case MetricKind.GAUGE:
                self._gauges[metric] = Gauge(metric.name, metric.help, labels, registry=self._registry)
                self.clear(metric)  # without labels it would be 0 until it is set, which nobody has measured
            case MetricKind.HISTOGRAM:
                self._histograms[metric] = Histogram(
                    metric.name, metric.help, labels, registry=self._registry, buckets=metric.buckets
                )

    def _begin_at_zero(self, metric: Metric) -> None:
        values = self._values[metric]
        if values and math.prod(map(len, values.values())) <= _FEW_SERIES:
            for one in product(*(sorted(of_label) for of_label in values.values())):
                self._counters[metric].labels(*one)

    def count(self, metric: Metric, amount: float = 1, /, **labels: str) -> None:
        """Add to a counter."""
        counter = self._counters[metric]
        (counter.labels(**self._bounded(metric, labels)) if labels else counter).inc(amount)

    def observe(self, metric: Metric, value: float, /, **labels: str) -> None:
        """Add an observation to a histogram."""
        histogram = self._histograms[metric]
        (histogram.labels(**self._bounded(metric, labels)) if labels else histogram).observe(value)

    def set(self, metric: Metric, value: float, /, **labels: str) -> None:
        """Set a gauge."""
        gauge = self._gauges[metric]
        (gauge.labels(**self._bounded(metric, labels)) if labels else gauge).set(value)

    def clear(self, metric: Metric, /) -> None:
        """Export nothing of a gauge that has labels; of one without, what is no number."""
        gauge = self._gauges[metric]
        if metric.labels:
            gauge.clear()
        else:
            gauge.set(math.nan)

    def _bounded(self, metric: Metric, labels: Mapping[str, str]) -> dict[str, str]:
        values = self._values[metric]
        return {name: value if not value or value in values[name] else OTHER for name, value in labels.items()}

    def text(self) -> bytes:
        """All of it as Prometheus' text, version 0.0.4."""
        return generate_latest(self._registry)
