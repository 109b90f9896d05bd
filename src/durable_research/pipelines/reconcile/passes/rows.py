"""The common part of passes over rows: a page in a pass, and a row that cannot be repaired does not delay the others."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from temporalio import activity

from durable_research.domain.errors import InfrastructureDown
from durable_research.domain.ledger.unresolved_sends import UnresolvedSend
from durable_research.pipelines.reconcile import pipeline
from durable_research.pipelines.reconcile.messages import PassOutcome
from durable_research.ports.database.workflows import Page, WorkflowRow

Item = TypeVar("Item", WorkflowRow, UnresolvedSend)


class Walk:
    """A walk over rows, a page in a pass: thousands that wait rightly, or cannot be repaired, must not hide the others.

    Each worker process has its own walk, as for orphans.
    """

    def __init__(self) -> None:
        self._after = ""

    async def next(self, find: Callable[[Page], Awaitable[Sequence[WorkflowRow]]]) -> Sequence[WorkflowRow]:
        """The page after the last one; after the end it begins anew."""
        page = Page(self._after, pipeline.ROWS_A_PASS)
        rows = await find(page)
        self._after = rows[-1].workflow_id if len(rows) == page.limit else ""
        return rows


async def repair_each(items: Sequence[Item], repair: Callable[[Item], Awaitable[bool]]) -> PassOutcome:
    """Repair each item; one that cannot be repaired is counted and skipped.

    Raises:
        InfrastructureDown: our own infrastructure is away, so none can be repaired.
    """
    done = failed = 0
    for item in items:
        try:
            done += await repair(item)
        except InfrastructureDown:
            raise
        except Exception as error:
            failed += 1
            name = item.workflow_id if isinstance(item, WorkflowRow) else item.key
            activity.logger.warning("could not put %s right: %s", name, type(error).__name__)
    return PassOutcome(done=done, left=failed)
