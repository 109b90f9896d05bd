"""What code that measures sees: three verbs and the table's metrics. Standard library only."""

from typing import Protocol

from durable_research.telemetry.metric import Metric


class Meter(Protocol):
    """Takes measurements; labels are those of the metric's row in the table, and an unlisted value becomes "other"."""

    def count(self, metric: Metric, amount: float = 1, /, **labels: str) -> None:
        """Add to a counter."""
        ...

    def observe(self, metric: Metric, value: float, /, **labels: str) -> None:
        """Add an observation to a histogram."""
        ...

    def set(self, metric: Metric, value: float, /, **labels: str) -> None:
        """Set a gauge."""
        ...

    def clear(self, metric: Metric, /) -> None:
        """Export nothing of a gauge until it is set again: a value that nobody knows is no value."""
        ...


class NoMeter:
    """Measures nothing: for programs without a role's port, and for tests of other things."""

    def count(self, metric: Metric, amount: float = 1, /, **labels: str) -> None:
        """Do nothing."""

    def observe(self, metric: Metric, value: float, /, **labels: str) -> None:
        """Do nothing."""

    def set(self, metric: Metric, value: float, /, **labels: str) -> None:
        """Do nothing."""

    def clear(self, metric: Metric, /) -> None:
        """Do nothing."""


NO_METER = NoMeter()
