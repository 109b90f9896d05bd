"""Reads a process's metrics as Prometheus would."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from durable_research.telemetry.metric import Metric, MetricKind
from durable_research.telemetry.registry import Registry

Series = Mapping[tuple[tuple[str, str], ...], float]


def series(text: bytes, metric: Metric) -> Series:
    """A metric's samples by their labels; of a histogram, how often it was observed."""
    name = f"{metric.name}_count" if metric.kind is MetricKind.HISTOGRAM else metric.name
    return {
        tuple(sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.name == name
    }


def value(registry: Registry, metric: Metric, **labels: str) -> float:
    """One sample; 0 for a series that is not there."""
    return series(registry.text(), metric).get(tuple(sorted(labels.items())), 0.0)
