"""Reads a process's metrics as Prometheus would."""

import asyncio
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from durable_research.telemetry.metric import Metric, MetricKind
from durable_research.telemetry.registry import Registry
from tests.installation import PATIENCE_SECONDS

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


class Increase:
    """How much the metrics of a process have grown since."""

    def __init__(self, meter: Registry) -> None:
        self._meter = meter
        self._before = meter.text()

    def of(self, metric: Metric, **labels: str) -> float:
        """The increase of all series that have these labels."""
        return self._sum(self._meter.text(), metric, labels) - self._sum(self._before, metric, labels)

    @staticmethod
    def _sum(text: bytes, metric: Metric, labels: dict[str, str]) -> float:
        return sum(count for each, count in series(text, metric).items() if labels.items() <= dict(each).items())

    async def until(self, metric: Metric, count: float, **labels: str) -> None:
        """Wait for a count: the log has an end a moment before its measurement."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.of(metric, **labels) < count:
                await asyncio.sleep(0.02)
