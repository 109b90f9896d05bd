"""All failpoints: those named in code, and those of each effect and each undo in the table of steps."""

from collections.abc import Iterable
from typing import Protocol

from durable_research.failpoints.reach import Place, Point, UndoPlace, UnknownFailpoint, parse


class Step(Protocol):
    """The fields of a row of the table of steps that determine its failpoints."""

    @property
    def step(self) -> str:
        """Its activity's name."""
        ...

    @property
    def effect(self) -> bool:
        """Whether it has the failpoints of an effect."""
        ...

    @property
    def undoes(self) -> bool:
        """Whether it has the failpoints of an undo."""
        ...


def failpoints_of(steps: Iterable[Step]) -> frozenset[str]:
    """All failpoints of these steps."""
    rows = tuple(steps)
    of_effects = {f"{row.step}.{place}" for row in rows if row.effect for place in Place}
    of_undos = {f"{row.step}.{place}" for row in rows if row.undoes for place in UndoPlace}
    return frozenset({*map(str, Point), *of_effects, *of_undos})


def check_rules(text: str, steps: Iterable[Step]) -> None:
    """Refuse rules that would have no effect.

    Raises:
        UnknownFailpoint: a rule is malformed or names an unknown failpoint.
    """
    names = failpoints_of(steps)
    if unknown := parse(text).keys() - names:
        raise UnknownFailpoint(f"no such failpoint: {', '.join(sorted(unknown))}; there are {', '.join(sorted(names))}")
