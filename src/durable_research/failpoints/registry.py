"""Every failpoint there is: those that stand in code by name, and those that each effect and each undo of the table has."""

from collections.abc import Iterable
from typing import Protocol

from durable_research.failpoints.reach import Place, Point, UndoPlace, UnknownFailpoint, parse


class Step(Protocol):
    """What a row of the table of steps says of its failpoints."""

    @property
    def step(self) -> str:
        """Its activity's name."""
        ...

    @property
    def effect(self) -> bool:
        """Whether it has those of an effect."""
        ...

    @property
    def undoes(self) -> bool:
        """Whether it has those of an undo."""
        ...


def failpoints_of(steps: Iterable[Step]) -> frozenset[str]:
    """Every failpoint that there is when these are the steps."""
    rows = tuple(steps)
    of_effects = {f"{row.step}.{place}" for row in rows if row.effect for place in Place}
    of_undos = {f"{row.step}.{place}" for row in rows if row.undoes for place in UndoPlace}
    return frozenset({*map(str, Point), *of_effects, *of_undos})


def check_rules(text: str, steps: Iterable[Step]) -> None:
    """Refuse rules that would never do anything.

    Raises:
        UnknownFailpoint: a rule is malformed or names no failpoint of ours.
    """
    known = failpoints_of(steps)
    if unknown := parse(text).keys() - known:
        raise UnknownFailpoint(f"no such failpoint: {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
