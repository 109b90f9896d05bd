"""The messages of reconciliation. New fields need defaults."""

from collections.abc import Mapping

from durable_research.domain.values import Value


class Reconcile(Value):
    """Requests one run of all passes. Activities scheduled by earlier releases have no message."""


class PassOutcome(Value):
    """The outcome of one pass: how many repairs it made, and how many failed, which a later run tries again."""

    done: int = 0
    left: int = 0


class Reconciled(Value):
    """The repairs, counted in workflows; `left_behind` counts closed sends, `orphans` removed objects.

    `passes` has the outcome of each pass by its name; older results have none.
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
