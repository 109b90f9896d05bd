"""Retrying a waiting step now, over HTTP and on its page."""

import re

from quart.testing import QuartClient

from durable_research.domain.workflows.events import AttemptFailed, EventKind
from durable_research.ports.engine.engine import EngineView, PendingStep
from tests.fakes import START
from tests.web.harness import Harness
from tests.web.pages.test_pages import page, post


async def retrying(harness: Harness) -> str:
    """A report whose first step waits for its next try."""
    report_id = await harness.queued()
    attempt = await harness.step(report_id, "llm_call")
    busy = AttemptFailed(final=False, retry_in_seconds=60, error={"code": "rate_limited", "detail": "busy"})
    await harness.world.progress.end_attempt(attempt, EventKind.ATTEMPT_FAILED, busy)
    harness.world.engine.views[report_id] = EngineView("running", (PendingStep("llm_call", None, START),))
    return report_id


async def test_a_waiting_step_is_tried_now(client: QuartClient, harness: Harness) -> None:
    report_id = await retrying(harness)

    answer = await client.post(f"/api/workflows/{report_id}/retry")

    assert (answer.status_code, await answer.get_json()) == (202, {"workflow_id": report_id, "steps": ["llm_call"]})


async def test_a_retry_without_a_waiting_step_is_409(client: QuartClient, harness: Harness) -> None:
    answer = await client.post(f"/api/workflows/{await harness.queued()}/retry")

    assert (answer.status_code, (await answer.get_json())["code"]) == (409, "invalid_state")


async def test_a_retry_with_a_body_is_422(client: QuartClient, harness: Harness) -> None:
    answer = await client.post(f"/api/workflows/{await retrying(harness)}/retry", json={"now": True})

    assert answer.status_code == 422


async def test_the_page_offers_a_retry_while_a_step_waits(client: QuartClient, harness: Harness) -> None:
    report_id = await retrying(harness)
    waiting = await page(client, f"/reports/{report_id}")
    other = await page(client, f"/reports/{await harness.queued()}")

    status, location, _ = await post(client, f"/reports/{report_id}/retry")

    assert re.search(r'data-part="retry">', waiting)
    assert re.search(r'; next try <time datetime="[^"]+" data-countdown>at \d\d:\d\d:\d\d UTC</time>', waiting)
    assert re.search(r'data-part="retry" hidden>', other)
    assert (status, location) == (303, f"/reports/{report_id}")
