"""What crosses Temporal for reconciliation. New fields need defaults."""

from collections.abc import Mapping

from durable_research.domain.values import Value


class PassOutcome(Value):
    """How one pass ended: how much it put right, and how much it could not, which a later pass looks at again."""

    done: int = 0
    left: int = 0


class Reconciled(Value):
    """What was put right, in workflows; `left_behind` are sends that were closed, orphans objects that were removed.

    `passes` has the outcome of each pass by its name; results of before have none.
    """

    started: int = 0
    cancelled: int = 0
    closed: int = 0
    stored: int = 0
    strays: int = 0
    left_behind: int = 0
    orphans: int = 0
    embedded: int = 0
    passes: Mapping[str, PassOutcome] = {}
