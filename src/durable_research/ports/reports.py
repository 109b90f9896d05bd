"""Finished reports."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from durable_research.domain.report import Report


class Reports(Protocol):
    """Finished reports."""

    async def store(self, report: Report, tenant: str) -> None:
        """Insert the report; storing it again changes nothing."""
        ...

    async def get(self, report_id: str, tenant: str) -> Report:
        """Read one.

        Raises:
            NotFound: unknown, or another tenant's.
        """
        ...

    async def list(
        self, tenant: str, text: str | None, limit: int, before: tuple[datetime, str] | None
    ) -> Sequence[Report]:
        """Newest first, filtered by words in title or prompt."""
        ...
