"""Reads something that may be away: what was found, or a sentence for an operator."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from durable_research.domain.errors import InfrastructureDown

Found = TypeVar("Found")


async def found_or_problem(reading: Awaitable[Found], seconds: float) -> tuple[Found | None, str | None]:
    """Wait so long for it."""
    try:
        async with asyncio.timeout(seconds):
            return await reading, None
    except TimeoutError:
        return None, f"no answer within {seconds:g} s"
    except InfrastructureDown as error:
        return None, error.detail
