"""RPCs to Temporal: an answer, or InfrastructureDown, within seconds."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.service import RPCError, RPCStatusCode

from durable_research.domain.errors import InfrastructureDown


@asynccontextmanager
async def answers_within(longest: timedelta, *, except_for: Collection[RPCStatusCode] = ()) -> AsyncIterator[None]:
    """Translate the errors of an RPC; a refusal with one of these statuses is passed to the caller.

    Raises:
        InfrastructureDown: no answer in time, or a refusal that is not about the request.
    """
    try:
        # The timeout of a request does not include the connecting, which a lazily made client has yet to do.
        async with asyncio.timeout(longest.total_seconds()):
            yield
    except RPCError as cause:
        if cause.status in except_for:
            raise
        raise InfrastructureDown("temporal does not answer") from cause
    except (RuntimeError, TimeoutError) as cause:
        raise InfrastructureDown("temporal does not answer") from cause
