"""A person who has removed the cause need not wait for the next retry."""

import asyncio

import pytest

from durable_research.domain.caller import LOCAL_CALLER
from durable_research.domain.errors import InvalidState
from tests.installation import PATIENCE_SECONDS
from tests.pipelines.conftest import Harness


async def test_a_step_that_waits_for_its_retry_is_tried_now(harness: Harness) -> None:
    harness.fault("mended meanwhile", fault="429", retry_after=110)
    report = await harness.submit("mended meanwhile")
    # Our log has the failure a moment before the engine.
    async with asyncio.timeout(PATIENCE_SECONDS):
        while harness.step(await harness.status(report), "llm_call")["next_try_at"] is None:
            await asyncio.sleep(0.05)

    assert await harness.retrying.retry(report, LOCAL_CALLER) == ["llm_call"]

    # Waiting for the retry would take longer than the harness's timeout.
    status = await harness.finished(report)
    assert status["status"] == "done"
    assert await harness.kinds(report, "llm_call") == [
        "attempt_started",
        "attempt_failed",
        "attempt_started",
        "provider_answered",
        "attempt_completed",
    ]
    numbers = [
        event.data["engine_attempt"] for event in await harness.progress.read(report) if event.kind == "attempt_started"
    ]
    assert numbers[:2] == [1, 2]


async def test_a_retry_without_a_waiting_step_is_refused(harness: Harness) -> None:
    report = await harness.submit("nothing to try")
    await harness.finished(report)

    with pytest.raises(InvalidState):
        await harness.retrying.retry(report, LOCAL_CALLER)


async def test_a_retry_of_a_running_step_is_refused(harness: Harness) -> None:
    harness.fault("slow on purpose", latency_seconds=20)
    report = await harness.submit("slow on purpose")
    await harness.until_step(report, "llm_call", "running")

    with pytest.raises(InvalidState):
        await harness.retrying.retry(report, LOCAL_CALLER)

    await harness.cancelling.cancel(report, LOCAL_CALLER)
    await harness.finished(report)
