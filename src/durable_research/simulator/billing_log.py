"""The billing log: all billed calls and received messages. Only the simulator writes it, so its file is the evidence."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from durable_research.simulator.journal import Journal

TEXT_STORED = 200


class BillingLog:
    """Each line is written to disk before its call is answered."""

    def __init__(self, path: Path) -> None:
        self._journal = Journal(path)

    async def write(
        self,
        kind: str,
        *,
        key: str | None,
        text: str,
        id: str,
        model: str | None = None,
        tokens: int = 0,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        line = {
            "at": datetime.now(UTC).isoformat(),
            "kind": kind,
            "key": key,
            "text": text[:TEXT_STORED],
            "id": id,
            "model": model,
            "tokens": tokens,
            **(extra or {}),
        }
        # A sync may take tens of milliseconds: in a thread, so that other calls are still answered.
        await asyncio.to_thread(self._journal.append, line, sync=True)

    def lines(self) -> list[dict[str, Any]]:
        return self._journal.entries()
