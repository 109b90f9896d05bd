"""Where the charts' values come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True)
class Span:
    """So many steps of so many seconds, the last one of them ending at `until`."""

    until: datetime
    step_seconds: int
    steps: int

    @property
    def ends(self) -> tuple[datetime, ...]:
        """The end of each step, oldest first."""
        return tuple(self.until - timedelta(seconds=self.step_seconds * back) for back in reversed(range(self.steps)))

    @property
    def since(self) -> datetime:
        """The beginning of the first step."""
        return self.until - timedelta(seconds=self.step_seconds * self.steps)


@dataclass(frozen=True)
class Line:
    """One line of a chart: a value for each step, None where there is none."""

    name: str
    values: tuple[float | None, ...]


Lines = Mapping[str, Sequence[Line]]


class SeriesSource(Protocol):
    """Reads every chart that it knows."""

    async def read(self, span: Span) -> Lines:
        """The lines of each chart, by the chart's name.

        Raises:
            InfrastructureDown: it does not answer, or not as it should.
        """
        ...
