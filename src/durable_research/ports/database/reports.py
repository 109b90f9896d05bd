"""Finished reports."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from durable_research.domain.requests.report import Report
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.progress import Attempt


@dataclass(frozen=True)
class ReportFilter:
    """Which reports a list shows; `text` is searched in title and prompt."""

    text: str | None = None
    limit: int = 50
    before: tuple[datetime, str] | None = None


class Reports(Protocol):
    """Finished reports."""

    async def store(self, report: Report, tenant: str, attempt: Attempt | None) -> None:
        """Insert the report while the attempt is open; storing it again changes nothing.

        This is the workflow's commit point: a later cancellation is too late. Without an attempt it is the row of a partly
        done report that is stored later.

        Raises:
            StaleAttempt: the attempt has been closed.
            CancelRequested: a person requested the cancellation before.
        """
        ...

    async def delete(self, report: WorkflowRef) -> None:
        """Remove the report of a cancelled workflow; a missing one is no error."""
        ...

    async def get(self, report: WorkflowRef) -> Report:
        """Read one.

        Raises:
            NotFound: unknown, or another tenant's.
        """
        ...

    async def list(self, tenant: str, criteria: ReportFilter) -> Sequence[Report]:
        """Newest first."""
        ...
